//! The jobs that a worker is running.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::kinds::MAIL_KINDS;
use super::lease::ClaimedJob;

/// Ids and kinds of the jobs that a worker is running. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Running(Arc<Mutex<HashMap<Uuid, String>>>);

impl Running {
    pub(super) fn add(&self, job: &ClaimedJob) {
        self.lock().insert(job.id, job.kind.clone());
    }

    pub(super) fn remove(&self, job: &ClaimedJob) {
        self.lock().remove(&job.id);
    }

    pub(super) fn ids(&self) -> Vec<Uuid> {
        self.lock().keys().copied().collect()
    }

    /// The number of jobs that send mails.
    pub(super) fn mails(&self) -> usize {
        self.lock().values().filter(|kind| MAIL_KINDS.contains(&kind.as_str())).count()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
