//! The mails that the application has sent.

use std::collections::HashSet;
use std::fs;
use std::sync::Mutex;

use chrono::TimeDelta;
use keel::jobs::Context;
use keel::jobs::worker::run_due_jobs;
use tempfile::TempDir;

/// A folder of mails.
pub struct Outbox {
    folder: TempDir,
    jobs: Context,
    read: Mutex<HashSet<String>>,
}

impl Outbox {
    pub fn new(folder: TempDir, jobs: Context) -> Self {
        Self { folder, jobs, read: Mutex::default() }
    }

    /// The mails that were not read yet, as text, oldest first. Runs all due jobs before.
    pub async fn unread(&self) -> Vec<String> {
        // A second more, for jobs that these jobs queue.
        let until = self.jobs.accounts.now() + TimeDelta::seconds(1);
        run_due_jobs(&self.jobs, until).await.unwrap();
        let names = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
        // Unfinished files have another extension.
        names.retain(|name| name.contains(".eml") && self.read.lock().unwrap().insert(name.clone()));
        names.sort();
        names.into_iter().map(|name| decoded(&fs::read_to_string(self.folder.path().join(name)).unwrap())).collect()
    }

    /// The newest unread mail to this address. The others count as read.
    pub async fn next(&self, to: &str) -> String {
        let head = format!("To: {to}\r\n");
        let mail = self.unread().await.into_iter().rfind(|mail| mail.contains(&head));
        mail.unwrap_or_else(|| panic!("no mail to {to}"))
    }

    /// The token of the link in the newest unread mail to this address.
    pub async fn token(&self, to: &str) -> String {
        token_in(&self.next(to).await)
    }

    /// The unread mails that contain a link with a token.
    pub async fn links(&self) -> Vec<String> {
        let mut mails = self.unread().await;
        mails.retain(|mail| mail.contains("?token="));
        mails
    }
}

/// The token of the link in a mail.
pub fn token_in(mail: &str) -> String {
    let mail = decoded(mail);
    let (_, token) = mail.split_once("?token=").unwrap_or_else(|| panic!("no link: {mail}"));
    token.split_whitespace().next().unwrap().to_owned()
}

/// Decodes quoted-printable, as far as mails in English need it.
fn decoded(mail: &str) -> String {
    mail.replace("=\r\n", "").replace("=3D", "=")
}
