//! Mails. Each becomes a file `.eml` in a folder, which any mail program opens.

use std::path::PathBuf;
use std::sync::Arc;

use lettre::Message;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use uuid::Uuid;

use crate::core::config::MailSettings;

/// Where the files go.
const OUTBOX: &str = "data/outbox";

/// What is to be mailed.
#[derive(Debug)]
pub struct Mail {
    /// The address.
    pub to: String,
    /// One line.
    pub subject: &'static str,
    /// Plain text.
    pub text: String,
}

/// Sends mails. Clones share the folder.
#[derive(Clone)]
pub struct Mailer(Arc<Inner>);

struct Inner {
    outbox: PathBuf,
    from: Mailbox,
    frontend_url: String,
}

impl Mailer {
    /// As `mail` in the settings says.
    ///
    /// # Errors
    /// For a sender that is no address; names the setting.
    pub fn new(settings: &MailSettings) -> Result<Self, String> {
        Self::into_folder(settings, OUTBOX.into())
    }

    /// The same, with another folder.
    ///
    /// # Errors
    /// As for [`Self::new`].
    pub fn into_folder(settings: &MailSettings, outbox: PathBuf) -> Result<Self, String> {
        let from = settings.from.parse().map_err(|error| format!("mail.from: {error}"))?;
        Ok(Self(Arc::new(Inner { outbox, from, frontend_url: settings.frontend_url.clone() })))
    }

    /// A link to a page of the frontend that takes a token. Built from the settings alone: nothing that a request
    /// says about the server's name gets into a mail.
    #[must_use]
    pub fn link(&self, page: &str, token: &str) -> String {
        format!("{}/{page}?token={token}", self.0.frontend_url.trim_end_matches('/'))
    }

    /// Sends the mail, after the request that asked for it: nobody waits for it, and how long it takes tells nothing.
    pub fn send(&self, mail: Mail) {
        let inner = Arc::clone(&self.0);
        tokio::spawn(async move {
            if let Err(error) = inner.write(mail).await {
                tracing::error!(%error, "a mail could not be written");
            }
        });
    }
}

impl Inner {
    async fn write(&self, mail: Mail) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let message = Message::builder()
            .from(self.from.clone())
            .to(mail.to.parse()?)
            .subject(mail.subject)
            .message_id(None)
            .header(ContentType::TEXT_PLAIN)
            .body(mail.text)?;
        tokio::fs::create_dir_all(&self.outbox).await?;
        let name = Uuid::now_v7();
        let file = self.outbox.join(format!("{name}.eml"));
        // Under its name it is whole.
        let unfinished = self.outbox.join(format!("{name}.tmp"));
        tokio::fs::write(&unfinished, message.formatted()).await?;
        tokio::fs::rename(&unfinished, &file).await?;
        tracing::info!(file = %file.display(), subject = mail.subject, "mail written");
        Ok(())
    }
}
