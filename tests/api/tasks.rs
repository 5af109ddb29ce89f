//! Tasks: what is done after the answer, and may be lost.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use keel::core::tasks::Tasks;
use tokio::sync::oneshot;

use crate::support::socket::PATIENCE;

#[tokio::test]
async fn they_are_waited_for_at_the_end() {
    let (tasks, count) = (Tasks::default(), Arc::new(AtomicUsize::new(0)));
    let (go, gone) = oneshot::channel::<()>();
    let counted = Arc::clone(&count);
    tasks.spawn("count", async move {
        gone.await.unwrap();
        counted.fetch_add(1, Ordering::Relaxed);
    });
    assert_eq!(count.load(Ordering::Relaxed), 0);
    go.send(()).unwrap();
    tasks.finish(PATIENCE).await;
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn one_that_does_not_end_or_panics_holds_up_nothing() {
    let tasks = Tasks::default();
    tasks.spawn("wait", pending());
    tasks.spawn("panic", async { panic!("a panic of the test") });
    tasks.finish(Duration::from_millis(10)).await;
}

#[tokio::test]
async fn beyond_a_thousand_they_are_dropped() {
    let (tasks, count) = (Tasks::default(), Arc::new(AtomicUsize::new(0)));
    for _ in 0..1500 {
        let count = Arc::clone(&count);
        tasks.spawn("count", async move {
            count.fetch_add(1, Ordering::Relaxed);
        });
    }
    // Nothing was awaited in between, so that none of them has begun.
    tasks.finish(PATIENCE).await;
    assert_eq!(count.load(Ordering::Relaxed), 1000);
    let again = Arc::clone(&count);
    tasks.spawn("count", async move {
        again.fetch_add(1, Ordering::Relaxed);
    });
    tasks.finish(PATIENCE).await;
    assert_eq!(count.load(Ordering::Relaxed), 1001);
}
