//! Every message of the three conversations survives the wire.

mod strategies;

use std::collections::BTreeSet;
use std::fmt::Debug;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use raddle_net::codec;
use raddle_net::messages::{
    ClientMessage, Failure, PeerReply, PeerRequest, SchedulerToClient, SchedulerToWorker,
    WorkerMessage,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use strategies::{
    client_message, peer_reply, peer_request, scheduler_to_client, scheduler_to_worker,
    worker_message,
};

fn survives<M: Serialize + DeserializeOwned + PartialEq + Debug>(message: &M) {
    let mut bytes = Vec::new();
    codec::encode(message, &mut bytes).expect("messages can be encoded");
    assert_eq!(codec::encoded_len(message), Ok(bytes.len()));
    assert_eq!(codec::decode::<M>(&bytes).as_ref(), Ok(message));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn what_a_client_says_survives(message in client_message()) {
        survives(&message);
    }

    #[test]
    fn what_the_scheduler_says_to_a_client_survives(message in scheduler_to_client()) {
        survives(&message);
    }

    #[test]
    fn what_the_scheduler_says_to_a_worker_survives(message in scheduler_to_worker()) {
        survives(&message);
    }

    #[test]
    fn what_a_worker_says_survives(message in worker_message()) {
        survives(&message);
    }

    #[test]
    fn what_is_asked_of_a_holder_survives(message in peer_request()) {
        survives(&message);
    }

    #[test]
    fn what_a_holder_answers_survives(message in peer_reply()) {
        survives(&message);
    }
}

/// The variants that are drawn. Their names are given without a wildcard: a new variant does not
/// compile until it has one here, and fails until it is drawn.
fn drawn<M: Debug>(
    strategy: impl Strategy<Value = M>,
    name: fn(&M) -> &'static str,
) -> BTreeSet<&'static str> {
    let mut runner = TestRunner::deterministic();
    let mut draw =
        || name(&strategy.new_tree(&mut runner).expect("nothing is filtered out").current());
    (0..500).map(|_| draw()).collect()
}

macro_rules! every_variant_is_drawn {
    ($test:ident, $message:ident, $strategy:expr, [$($variant:ident),* $(,)?]) => {
        #[test]
        fn $test() {
            let name = |message: &$message| match message {
                $($message::$variant { .. } => stringify!($variant),)*
            };
            assert_eq!(drawn($strategy, name), BTreeSet::from([$(stringify!($variant)),*]));
        }
    };
}

every_variant_is_drawn!(
    every_word_of_a_client_is_drawn,
    ClientMessage,
    client_message(),
    [Define, Submit, Release, Cancel, Detach, Retry, Locate, Query, Want, Goodbye]
);
every_variant_is_drawn!(
    every_word_to_a_client_is_drawn,
    SchedulerToClient,
    scheduler_to_client(),
    [Peer, InMemory, Erred, Recomputing, Released, Send, Answer]
);
every_variant_is_drawn!(
    every_word_to_a_worker_is_drawn,
    SchedulerToWorker,
    scheduler_to_worker(),
    [Registered, Define, Peer, Acquire, Compute, Free, Holders, Leave, ToRun, Recall]
);
every_variant_is_drawn!(
    every_word_of_a_worker_is_drawn,
    WorkerMessage,
    worker_message(),
    [
        Register, Finished, Failed, Started, Fetched, Goodbye, Locate, Memory, Note, FromRun,
        Retire, Recalled
    ]
);
every_variant_is_drawn!(every_request_is_drawn, PeerRequest, peer_request(), [Get, Put]);
every_variant_is_drawn!(
    every_answer_is_drawn,
    PeerReply,
    peer_reply(),
    [Busy, Items, Stored, Unexpected]
);
every_variant_is_drawn!(
    every_failure_is_drawn,
    Failure,
    strategies::failure().prop_map(|failure| (*failure).clone()),
    [
        Cancelled,
        Decode,
        Disconnected,
        Exited,
        Failed,
        Lost,
        NoWorker,
        Rejected,
        Reschedule,
        TimedOut,
        WorkerDied,
    ]
);
