//! The timer by which hyper limits how long a connection may wait for a request and its head.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::{Sleep, Timer};
use tokio::time::{Instant, sleep_until};

/// One timer of tokio's for all the requests of a connection. hyper asks for a new one with each request, and drops it
/// when the head is there; to enter each with tokio and to strike it out again takes a lock that all threads share.
/// This one stays entered, and moves on when it rings too early.
pub(super) struct ConnectionTimer(Alarm);

type Alarm = Arc<Mutex<Pin<Box<tokio::time::Sleep>>>>;

impl Default for ConnectionTimer {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Box::pin(sleep_until(Instant::now())))))
    }
}

impl Timer for ConnectionTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: std::time::Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Until { deadline: deadline.into(), alarm: Arc::clone(&self.0) })
    }

    fn now(&self) -> std::time::Instant {
        Instant::now().into()
    }
}

/// Done at its deadline. The deadlines of a connection only move on: they are all as far from the time they are set.
struct Until {
    deadline: Instant,
    alarm: Alarm,
}

impl Sleep for Until {}

impl Future for Until {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut alarm = self.alarm.lock().unwrap_or_else(PoisonError::into_inner);
        while alarm.as_mut().poll(cx).is_ready() {
            if alarm.deadline() >= self.deadline {
                return Poll::Ready(());
            }
            alarm.as_mut().reset(self.deadline);
        }
        Poll::Pending
    }
}
