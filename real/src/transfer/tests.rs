//! Values between those who want them and the loop that serves them, over real sockets.

use std::collections::VecDeque;
use std::sync::Mutex;

use raddle_core::worker::RequestId;
use raddle_net::hello::{Role, Welcome};
use raddle_net::names::{Key, RunId, Session};
use serde::{Deserialize, Serialize, Serializer};

use super::*;
use crate::credentials::{Credentials, Part};
use crate::faults::Faults;
use crate::hub::lock;
use crate::listener::Listener;
use crate::rt::{self, oneshot};
use crate::serve::{self, Answer, Asked, Holder};

/// Answers as it is told, in order; to what is not in the script, not at all.
#[derive(Default)]
struct Scripted {
    answers: Mutex<VecDeque<Answer>>,
    takes: Mutex<VecDeque<bool>>,
    /// What it was told, in words.
    heard: Mutex<Vec<String>>,
}

impl Holder for Scripted {
    fn asked(&self, items: Vec<Item>) -> Asked {
        let runs: Vec<_> = items.iter().map(|item| item.run.counter).collect();
        lock(&self.heard).push(format!("asked {runs:?}"));
        let (sender, answer) = oneshot::channel();
        if let Some(next) = lock(&self.answers).pop_front() {
            sender.send(next).unwrap();
        }
        Asked { request: RequestId(7), answer }
    }

    fn served(&self, request: RequestId) {
        lock(&self.heard).push(format!("served {}", request.0));
    }

    fn received(&self, item: Item, value: Arc<Value>) -> oneshot::Receiver<bool> {
        let (run, nbytes) = (item.run.counter, value.nbytes());
        lock(&self.heard).push(format!("received {run}, {nbytes} bytes"));
        let (sender, taken) = oneshot::channel();
        if let Some(next) = lock(&self.takes).pop_front() {
            sender.send(next).unwrap();
        }
        taken
    }
}

fn item(counter: u64) -> Item {
    Item { key: Key::numbered(Session::truncate(1), counter), run: RunId { epoch: 1, counter } }
}

fn values(values: Vec<Option<Value>>) -> Answer {
    Answer::Values(values.into_iter().map(|value| value.map(Arc::new)).collect())
}

/// Runs `test` against a loop that serves what `holder` says.
fn with_server<F: Future<Output = ()>>(
    holder: &Arc<Scripted>,
    test: impl FnOnce(Peers, String) -> F,
) {
    rt::block_on(async {
        let listener =
            Listener::bind("127.0.0.1", 0, Part::Worker, &Credentials::none()).await.unwrap();
        let address = listener.address().to_owned();
        let holder = Arc::clone(holder);
        let serving = listener.serve(&[Role::Data], move |_, visitor| {
            let holder = Arc::clone(&holder);
            async move {
                let connection = visitor.welcome(Welcome::new(0)).await.unwrap();
                serve::serve(&*holder, connection, &Faults::default()).await;
            }
        });
        rt::select! {
            biased;
            () = serving => unreachable!("a listener does not end"),
            () = test(Peers::new(Session::truncate(1), Credentials::none()), address) => {}
        }
    })
    .unwrap();
}

fn holder(answers: Vec<Answer>, takes: &[bool]) -> Arc<Scripted> {
    Arc::new(Scripted {
        answers: Mutex::new(answers.into()),
        takes: Mutex::new(takes.iter().copied().collect()),
        heard: Mutex::default(),
    })
}

#[test]
fn values_come_in_the_order_asked_and_those_not_held_are_missing() {
    let large = vec![7_u8; 3 << 20];
    let answer =
        values(vec![Some(Value::new(large.clone())), None, Some(Value::new("short".to_owned()))]);
    let holder = holder(vec![answer], &[]);
    with_server(&holder, async |peers, address| {
        let items = [item(1), item(2), item(3)];
        let pulled = peers.pull_values((&address, Route::Direct), &items, 3 << 20).await.unwrap();
        let [first, second, third] = <[_; 3]>::try_from(pulled).unwrap();
        assert_eq!(first.unwrap().take::<Vec<u8>>().unwrap(), large);
        assert!(second.is_none());
        assert_eq!(third.unwrap().take::<String>().unwrap(), "short");
    });
    assert_eq!(*lock(&holder.heard), ["asked [1, 2, 3]", "served 7"]);
}

#[test]
fn a_peer_may_be_busy_and_its_connection_is_kept() {
    let holder = holder(vec![Answer::Busy, values(vec![Some(Value::new(5_u64))])], &[]);
    with_server(&holder, async |peers, address| {
        let busy = peers.pull_values((&address, Route::Direct), &[item(1)], 8).await;
        assert!(matches!(busy, Err(TransferError::Busy)), "{busy:?}");
        assert_eq!(lock(&peers.idle).count, 1);
        let mut pulled = peers.pull_values((&address, Route::Direct), &[item(1)], 8).await.unwrap();
        assert_eq!(pulled.pop().unwrap().unwrap().take::<u64>().unwrap(), 5);
        assert_eq!(lock(&peers.idle).count, 1);
    });
    assert_eq!(*lock(&holder.heard), ["asked [1]", "asked [1]", "served 7"]);
}

#[test]
fn a_kept_connection_that_was_closed_is_replaced_and_a_new_one_is_not() {
    let holder = holder(vec![values(vec![None])], &[]);
    with_server(&holder, async |peers, address| {
        assert!(peers.pull_values((&address, Route::Direct), &[item(1)], 8).await.is_ok());
        // The script is at its end: the kept connection ends, and so does the new one.
        let gone = peers.pull_values((&address, Route::Direct), &[item(2)], 8).await;
        assert!(matches!(gone, Err(TransferError::Ended)), "{gone:?}");
        assert_eq!(lock(&peers.idle).count, 0);
    });
    assert_eq!(*lock(&holder.heard), ["asked [1]", "served 7", "asked [2]", "asked [2]"]);
}

#[test]
fn a_kept_connection_that_was_closed_goes_when_another_is_made() {
    let holder = holder(vec![values(vec![None]), values(vec![None])], &[]);
    with_server(&holder, async |peers, address| {
        assert!(peers.pull_values((&address, Route::Direct), &[item(1)], 8).await.is_ok());
        // Of a worker that is gone, as far as one can see.
        let mut line = peers.take(&address).unwrap();
        line.connection.writer.write_chunks(vec![vec![0; 64].into()]).await.unwrap();
        while line.connection.reader.is_quiet() {
            rt::yield_now().await;
        }
        peers.keep("tcp://gone:1", line);
        assert!(peers.pull_values((&address, Route::Direct), &[item(2)], 8).await.is_ok());
        let idle = lock(&peers.idle);
        let kept: Vec<_> = idle.lines.iter().map(|(at, lines)| (&**at, lines.len())).collect();
        assert_eq!((kept, idle.count), (vec![(&*address, 1)], 1));
    });
}

#[test]
fn a_value_that_cannot_be_put_into_bytes_is_missing() {
    #[derive(Deserialize)]
    struct Stubborn;
    impl Serialize for Stubborn {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            panic!("never")
        }
    }
    let unmeasured = crate::executor::panics::catch(|| Value::new(Stubborn));
    assert!(unmeasured.is_err());

    #[derive(Deserialize)]
    struct Unwilling;
    impl Serialize for Unwilling {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("no"))
        }
    }
    let holder =
        holder(vec![values(vec![Some(Value::new(Unwilling)), Some(Value::new(1_u8))])], &[]);
    with_server(&holder, async |peers, address| {
        let pulled =
            peers.pull_values((&address, Route::Direct), &[item(1), item(2)], 8).await.unwrap();
        let there: Vec<_> = pulled.iter().map(Option::is_some).collect();
        assert_eq!(there, [false, true]);
    });
}

#[test]
fn a_value_is_brought_and_taken_or_not() {
    let holder = holder(Vec::new(), &[true, false]);
    with_server(&holder, async |peers, address| {
        let value = Value::new(vec![1_u8; 2 << 20]);
        assert!(peers.push_value((&address, Route::Direct), item(1), &value).await.unwrap());
        assert!(!peers.push_value((&address, Route::Direct), item(2), &value).await.unwrap());
    });
    let expected = ["received 1, 2097152 bytes", "received 2, 2097152 bytes"];
    assert_eq!(*lock(&holder.heard), expected);
}

#[test]
fn nobody_at_the_address_is_an_error_of_the_connection() {
    let peers = Peers::new(Session::truncate(1), Credentials::none());
    let pulled = rt::block_on(async {
        let listener =
            Listener::bind("127.0.0.1", 0, Part::Worker, &Credentials::none()).await.unwrap();
        let address = listener.address().to_owned();
        drop(listener);
        peers.pull_values((&address, Route::Direct), &[item(1)], 0).await
    });
    let error = pulled.unwrap();
    assert!(matches!(error, Err(TransferError::Connect(_))), "{error:?}");
    let ends = pull_ends(&[item(1)], error);
    assert!(matches!(ends[..], [(_, Err(FetchOutcome::Unreachable))]), "{ends:?}");
}
