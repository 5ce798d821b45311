//! Events: each once, first come first taken, kept until they are taken and known for a while after.

use ::redb::ReadableTable as _;

use super::*;
use crate::store::{Event, EventCount, EventQuery, EventState};

const INBOX: &str = "webhook/ups/track_alert";

fn event(name: &str, state: EventState, due: i64) -> Event {
    Event {
        inbox: INBOX.into(),
        name: name.into(),
        version: 0,
        received: at(1),
        due: at(due),
        attempts: 0,
        state,
        reason: None,
        body: format!("body of {name}").into_bytes(),
    }
}

fn put_event(event: Event, expected: u64) -> Write {
    Write::Event { event: Box::new(event), expected }
}

fn waiting(name: &str, due: i64) -> Write {
    put_event(event(name, EventState::Waiting, due), 0)
}

fn forget(before: i64) -> Write {
    Write::ForgetEvents { inbox: INBOX.into(), before: at(before) }
}

fn names(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.name.as_str()).collect()
}

fn due(fixture: &Fixture, until: i64, limit: usize) -> Vec<Event> {
    fixture.store.events_due(INBOX, at(until), limit).unwrap()
}

fn count(state: EventState, count: u64) -> EventCount {
    EventCount { inbox: INBOX.into(), state, count }
}

#[tokio::test]
async fn what_came_first_is_taken_first_and_with_its_body() {
    let fixture = Fixture::new();
    fixture.write(vec![waiting("z", 5), waiting("a", 5)]).await;
    fixture.write(vec![waiting("m", 5)]).await;
    fixture.write(vec![waiting("early", 2), waiting("late", 9)]).await;
    assert_eq!(names(&due(&fixture, 8, 9)), ["early", "z", "a", "m"]);
    assert_eq!(names(&due(&fixture, 9, 9)), ["early", "z", "a", "m", "late"]);
    assert_eq!(names(&due(&fixture, 8, 2)), ["early", "z"]);
    assert_eq!(names(&due(&fixture, 1, 9)), [""; 0]);
    assert_eq!(due(&fixture, 8, 1)[0].body, b"body of early");
    assert!(fixture.store.events_due("webhook/ups", at(9), 9).unwrap().is_empty(), "another inbox");
    let next = |after| fixture.store.next_event_due(INBOX, after).unwrap();
    assert_eq!((next(None), next(Some(at(2))), next(Some(at(9)))), (Some(at(2)), Some(at(5)), None));
    // One that could not be taken goes to the end, and keeps its place among those of its time.
    let again = Event { attempts: 1, reason: Some("down".into()), ..event("z", EventState::Waiting, 6) };
    fixture.write(vec![put_event(again, 1), waiting("new", 6)]).await;
    assert_eq!(names(&due(&fixture, 8, 9)), ["early", "a", "m", "z", "new"]);
    assert_eq!(names(&due(&fixture.reopen(), 8, 9)), ["early", "a", "m", "z", "new"]);
}

#[tokio::test]
async fn a_repetition_conflicts_and_leaves_others_alone() {
    let fixture = Fixture::new();
    fixture.write(vec![waiting("one", 1)]).await;
    let batches =
        [vec![waiting("two", 1)], vec![audit(None, "no"), waiting("one", 2)], vec![waiting("three", 1)]];
    let answers = batches.map(|writes| fixture.store.send(Batch { writes }).unwrap());
    let [two, one, three] = answers;
    two.await.unwrap().unwrap();
    let Err(StoreError::Conflict { what, expected, found }) = one.await.unwrap() else {
        panic!("it was written twice")
    };
    assert_eq!((what.as_str(), expected, found), ("event webhook/ups/track_alert/one", 0, 1));
    three.await.unwrap().unwrap();
    assert_eq!(names(&due(&fixture, 1, 9)), ["one", "two", "three"]);
    assert_eq!(fixture.store.event_counts().unwrap(), [count(EventState::Waiting, 3)]);
    assert_eq!(fixture.store.audit_head().seq, 0, "nothing of the refused batch was written");
    let twice = Batch { writes: vec![waiting("four", 1), waiting("four", 1)] };
    assert!(matches!(
        fixture.store.commit(twice).await,
        Err(StoreError::Conflict { expected: 0, found: 1, .. })
    ));
    assert_eq!(fixture.store.event(INBOX, "four").unwrap(), None);
    // The same name in another inbox is another event.
    let other = Event { inbox: "told/m/watch".into(), ..event("one", EventState::Waiting, 1) };
    fixture.write(vec![put_event(other, 0)]).await;
    assert_eq!(fixture.store.event_counts().unwrap().len(), 2);
}

#[tokio::test]
async fn a_repetition_of_what_was_taken_still_conflicts_until_it_is_forgotten() {
    let fixture = Fixture::new();
    fixture.write(vec![waiting("one", 1)]).await;
    fixture.write(vec![put_event(event("one", EventState::Taken, 10), 1)]).await;
    assert!(matches!(
        fixture.store.commit(Batch { writes: vec![waiting("one", 2)] }).await,
        Err(StoreError::Conflict { expected: 0, found: 2, .. })
    ));
    fixture.write(vec![forget(10)]).await;
    assert!(fixture.store.event(INBOX, "one").unwrap().is_some(), "it was not taken before then");
    fixture.write(vec![forget(11)]).await;
    assert_eq!(fixture.store.event(INBOX, "one").unwrap(), None);
    assert_eq!(fixture.store.event_counts().unwrap(), []);
    fixture.write(vec![waiting("one", 20)]).await;
    assert_eq!(due(&fixture, 20, 9)[0].body, b"body of one");
}

#[tokio::test]
async fn only_what_was_taken_is_forgotten() {
    let fixture = Fixture::new();
    let states = [
        ("t", EventState::Taken, 1),
        ("w", EventState::Waiting, 1),
        ("p", EventState::Parked, 1),
        ("later", EventState::Taken, 9),
    ];
    fixture.write(states.map(|(name, state, due)| put_event(event(name, state, due), 0)).into()).await;
    let other = Event { inbox: "told/m/watch".into(), ..event("t", EventState::Taken, 1) };
    fixture.write(vec![put_event(other, 0), forget(9)]).await;
    let left = fixture.store.events(&EventQuery::default()).unwrap();
    assert_eq!(names(&left), ["later", "t", "p", "w"]);
    assert_eq!(
        fixture.store.event_counts().unwrap()[1..],
        [count(EventState::Waiting, 1), count(EventState::Taken, 1), count(EventState::Parked, 1)]
    );
    // In the batch that forgets it, too, it may come anew.
    fixture.write(vec![forget(10), put_event(event("later", EventState::Waiting, 9), 1)]).await;
    let anew = due(&fixture, 9, 9).pop().unwrap();
    assert_eq!((anew.name.as_str(), anew.version), ("later", 2));
    assert_eq!(
        fixture.store.event_counts().unwrap()[1..],
        [count(EventState::Waiting, 2), count(EventState::Parked, 1)]
    );
}

#[tokio::test]
async fn a_body_stays_until_it_is_taken() {
    let fixture = Fixture::new();
    let raw = Event { body: vec![0, 255, b'"'], ..event("one", EventState::Waiting, 1) };
    fixture.write(vec![put_event(raw.clone(), 0)]).await;
    assert_eq!(due(&fixture, 1, 9), [Event { version: 1, ..raw.clone() }]);
    let parked = Event { state: EventState::Parked, reason: Some("no JSON".into()), ..raw.clone() };
    fixture.write(vec![put_event(parked, 1)]).await;
    assert!(due(&fixture, 1, 9).is_empty());
    assert_eq!(fixture.store.event(INBOX, "one").unwrap().unwrap().body, raw.body);
    assert!(fixture.store.events(&EventQuery::default()).unwrap()[0].body.is_empty(), "lists go without");
    fixture.write(vec![put_event(Event { state: EventState::Taken, ..raw }, 2)]).await;
    assert!(fixture.store.event(INBOX, "one").unwrap().unwrap().body.is_empty());
    fixture.tamper(|transaction| {
        let bodies = transaction.open_table(tables::EVENT_BODIES).unwrap();
        assert_eq!(::redb::ReadableTableMetadata::len(&bodies).unwrap(), 0);
    });
}

#[tokio::test]
async fn events_are_found_by_each_field() {
    let fixture = Fixture::new();
    let told = |name: &str, state, due| Event { inbox: "told/m/watch".into(), ..event(name, state, due) };
    fixture
        .write(vec![
            put_event(event("a", EventState::Parked, 3), 0),
            put_event(event("b", EventState::Waiting, 5), 0),
            put_event(told("c", EventState::Parked, 4), 0),
            put_event(told("d", EventState::Taken, 1), 0),
        ])
        .await;
    let find = |inbox: &str, states: &[EventState], limit| {
        let query = EventQuery { inbox: inbox.into(), states: states.into(), limit };
        let found = fixture.store.events(&query).unwrap();
        found.into_iter().map(|event| event.name).collect::<Vec<_>>()
    };
    assert_eq!(find("", &[], 0), ["b", "c", "a", "d"]);
    assert_eq!(find("", &[], 2), ["b", "c"]);
    assert_eq!(find("webhook/", &[], 0), ["b", "a"]);
    assert_eq!(find("", &[EventState::Parked], 0), ["c", "a"]);
    assert_eq!(find("told/", &[EventState::Parked, EventState::Taken], 0), ["c", "d"]);
}

#[tokio::test]
async fn a_record_that_is_done_is_due_again_once_it_is_time() {
    let fixture = Fixture::new();
    let again = |key: &str, state, second| Record { again: Some(at(second)), ..record(&id(key), state, 1) };
    fixture
        .write(vec![
            put(again("later", RecordState::Done, 30), 0),
            put(again("soon", RecordState::Done, 10), 0),
            put(record(&id("work"), RecordState::Waiting, 20), 0),
            put(again("parked", RecordState::Parked, 5), 0),
            put(record(&id("done"), RecordState::Done, 5), 0),
        ])
        .await;
    let due = |second, limit| fixture.store.due("m/f", at(second), limit).unwrap();
    assert_eq!(due(9, 9), []);
    assert_eq!(due(30, 9), [id("soon"), id("work"), id("later")]);
    assert_eq!(due(30, 2), [id("soon"), id("work")]);
    assert_eq!(fixture.store.next_due("m/f", None).unwrap(), Some(at(20)));
    let next = |after| fixture.store.next_again("m/f", after).unwrap();
    assert_eq!((next(None), next(Some(at(10))), next(Some(at(30)))), (Some(at(10)), Some(at(30)), None));
    fixture.write(vec![put(again("soon", RecordState::Received, 10), 1)]).await;
    assert_eq!(due(9, 9), [id("soon")], "at work it is due like any other");
    assert_eq!(next(None), Some(at(30)));
    fixture
        .write(vec![
            put(again("soon", RecordState::Done, 40), 2),
            put(record(&id("later"), RecordState::Done, 1), 1),
        ])
        .await;
    let fixture = fixture.reopen();
    assert_eq!(fixture.store.due("m/f", at(99), 9).unwrap(), [id("work"), id("soon")]);
    assert_eq!(fixture.store.record(&id("soon")).unwrap().unwrap().again, Some(at(40)));
}

#[tokio::test]
async fn a_store_from_before_there_were_events_opens_and_takes_them() {
    let fixture = Fixture::new();
    fixture.write(vec![put(record(&id("a"), RecordState::Done, 1), 0), audit(None, "one")]).await;
    fixture.tamper(|transaction| {
        transaction.delete_table(tables::RECORDS_AGAIN).unwrap();
        transaction.delete_table(tables::EVENTS).unwrap();
        transaction.delete_table(tables::EVENT_BODIES).unwrap();
        transaction.delete_table(tables::EVENTS_ARRIVED).unwrap();
        transaction.delete_table(tables::EVENTS_DUE).unwrap();
        transaction.delete_table(tables::EVENT_COUNTS).unwrap();
        transaction.delete_table(tables::COUNTERS).unwrap();
    });
    let fixture = fixture.reopen();
    assert_eq!(fixture.store.record(&id("a")).unwrap().unwrap().again, None);
    assert_eq!(fixture.store.events(&EventQuery::default()).unwrap(), []);
    assert_eq!(fixture.store.next_again("m/f", None).unwrap(), None);
    fixture.write(vec![waiting("one", 1)]).await;
    assert_eq!(names(&due(&fixture, 1, 9)), ["one"]);
}

#[tokio::test]
async fn a_damaged_event_is_an_error_for_whoever_touches_it_and_for_nobody_else() {
    let fixture = Fixture::new();
    fixture.write(vec![waiting("a", 1), waiting("b", 2)]).await;
    fixture.tamper(|transaction| {
        let mut bodies = transaction.open_table(tables::EVENT_BODIES).unwrap();
        let mut stored = bodies.get((INBOX, "b")).unwrap().unwrap().value().to_vec();
        *stored.last_mut().unwrap() ^= 1;
        bodies.insert((INBOX, "b"), stored.as_slice()).unwrap();
    });
    assert_eq!(names(&due(&fixture, 1, 9)), ["a"]);
    let Err(StoreError::Corrupt(sentence)) = fixture.store.events_due(INBOX, at(2), 9) else {
        panic!("it was read")
    };
    assert!(
        sentence.starts_with("webhook/ups/track_alert/b in event_bodies fails its checksum"),
        "{sentence}"
    );
    fixture.write(vec![put_event(event("a", EventState::Taken, 3), 1)]).await;
    assert!(fixture.store.failed().is_none());
}
