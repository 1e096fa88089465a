//! What is published, and what a client wants that it has from another one.

use raddle_net::messages::QueryAnswer;

use super::*;

fn answer(client: ConnectionId, answer: QueryAnswer) -> Effect {
    tells(client, SchedulerToClient::Answer { id: 7, answer })
}

fn publish(cluster: &mut Cluster, client: ConnectionId, tasks: &[u64]) -> Vec<Effect> {
    let keys = tasks.iter().copied().map(key).collect();
    cluster.ask(client, Query::Publish { name: "data".to_owned(), keys })
}

fn want(cluster: &mut Cluster, client: ConnectionId, tasks: &[u64]) -> Vec<Effect> {
    let keys = tasks.iter().copied().map(key).collect();
    cluster.says(client, ClientMessage::Want { keys })
}

#[test]
fn what_is_published_outlives_its_publisher_until_it_is_unpublished() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[]), task(2, &[])]);
    cluster.finish(1, 1, 1);
    assert_eq!(publish(&mut cluster, ANN, &[2, 1, 2]), vec![answer(ANN, QueryAnswer::Done)]);
    assert_eq!(cluster.hang_up(ANN), vec![]);
    let names = QueryAnswer::Names(vec!["data".to_owned()]);
    assert_eq!(cluster.ask(BOB, Query::Datasets), vec![answer(BOB, names)]);
    let keys = QueryAnswer::Keys(vec![key(2), key(1), key(2)]);
    let get = || Query::Dataset("data".to_owned());
    assert_eq!(cluster.ask(BOB, get()), vec![answer(BOB, keys)]);
    let told = vec![tells(BOB, introduced(1)), tells(BOB, in_memory(1, 1, 1))];
    assert_eq!(want(&mut cluster, BOB, &[2, 1]), told);
    assert_eq!(cluster.finish(1, 2, 2), vec![tells(BOB, in_memory(2, 2, 1))]);
    let done = answer(BOB, QueryAnswer::Done);
    assert_eq!(cluster.ask(BOB, Query::Unpublish("data".to_owned())), vec![done]);
    assert_eq!(cluster.release(BOB, &[1, 2]), vec![free(1, 1, 1), free(1, 2, 2)]);
    let text = "nothing is published under the name `data`".to_owned();
    let unknown = answer(BOB, QueryAnswer::Unknown(text));
    assert_eq!(cluster.ask(BOB, get()), vec![unknown.clone()]);
    assert_eq!(cluster.ask(BOB, Query::Unpublish("data".to_owned())), vec![unknown]);
}

#[test]
fn a_name_is_taken_once_and_only_for_what_its_publisher_wants() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    let declined =
        |client, text: &str| vec![answer(client, QueryAnswer::Declined(text.to_owned()))];
    let why = "1-1 is not known, or not to be wanted";
    assert_eq!(publish(&mut cluster, BOB, &[1]), declined(BOB, why));
    publish(&mut cluster, ANN, &[1]);
    let why = "`data` is published already: unpublish it first";
    assert_eq!(publish(&mut cluster, ANN, &[1]), declined(ANN, why));
}

#[test]
fn what_is_published_is_not_called_off_but_by_force() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    publish(&mut cluster, ANN, &[1]);
    let cancelled = Arc::new(Failure::Cancelled);
    assert_eq!(cluster.cancel(ANN, 1), vec![tells(ANN, erred(1, 1, &cancelled))]);
    want(&mut cluster, ANN, &[1]);
    let out = cluster.says(ANN, ClientMessage::Cancel { keys: vec![key(1)], force: true });
    assert_eq!(out, vec![free(1, 1, 1), tells(ANN, erred(1, 1, &cancelled))]);
}

#[test]
fn what_another_client_has_is_as_if_it_were_not_there_unless_it_is_shared() {
    let mut cluster = Cluster::of(&[2]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.finish(1, 1, 1);
    let reason = "1-1 is not known to the scheduler, or not to be wanted";
    let unknown = vec![tells(BOB, erred(1, 1, &lost(reason)))];
    let retry =
        |cluster: &mut Cluster| cluster.says(BOB, ClientMessage::Retry { keys: vec![key(1)] });
    assert_eq!(want(&mut cluster, BOB, &[1]), unknown);
    assert_eq!(retry(&mut cluster), unknown);
    let needs = lost("it depends on 1-1, which is not known, or is no more");
    assert_eq!(cluster.submit(BOB, &[task(2, &[1])]), vec![tells(BOB, erred(2, 1, &needs))]);
    // Whoever submits the same has the same.
    let done = vec![tells(BOB, introduced(1)), tells(BOB, in_memory(1, 1, 1))];
    assert_eq!(cluster.submit(BOB, &[task(1, &[])]), done);
    assert_eq!(cluster.release(BOB, &[1]), vec![]);
    assert_eq!(want(&mut cluster, BOB, &[1]), unknown);
    publish(&mut cluster, ANN, &[1]);
    assert_eq!(want(&mut cluster, BOB, &[1]), vec![tells(BOB, in_memory(1, 1, 1))]);
}

#[test]
fn what_is_computed_whoever_wants_it_is_not_published() {
    let mut cluster = Cluster::of(&[1]);
    cluster.submit(ANN, &[task(1, &[])]);
    cluster.says(ANN, ClientMessage::Detach { keys: vec![key(1)] });
    let reason = "1-1 is not known to the scheduler, or not to be wanted";
    assert_eq!(want(&mut cluster, BOB, &[1]), vec![tells(BOB, erred(1, 1, &lost(reason)))]);
}

#[test]
fn what_is_not_known_cannot_be_wanted() {
    let mut cluster = Cluster::of(&[1]);
    let reason = "1-9 is not known to the scheduler, or not to be wanted";
    assert_eq!(want(&mut cluster, BOB, &[9]), vec![tells(BOB, erred(9, 9, &lost(reason)))]);
}
