//! What mails say. The texts are in `templates/mail/`, compiled in, each as plain text and as HTML, in which what is
//! filled in is escaped.

use minijinja::{Environment, Error, UndefinedBehavior, Value, context};

/// The mails there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Template {
    /// A link that confirms an address: `link`, `hours`.
    EmailVerification,
    /// A link to choose the first password: `link`, `hours`.
    NewAccount,
    /// The old address is told of a new one: `is_done`.
    Notice,
    /// What a user wrote: `message`.
    Notification,
    /// A link to set a new password: `link`, `minutes`.
    PasswordRecovery,
}

/// Every file of the folder.
const SOURCES: [(&str, &str); 12] = [
    ("button.html", include_str!("../../templates/mail/button.html")),
    ("email_verification.html", include_str!("../../templates/mail/email_verification.html")),
    ("email_verification.txt", include_str!("../../templates/mail/email_verification.txt")),
    ("layout.html", include_str!("../../templates/mail/layout.html")),
    ("new_account.html", include_str!("../../templates/mail/new_account.html")),
    ("new_account.txt", include_str!("../../templates/mail/new_account.txt")),
    ("notice.html", include_str!("../../templates/mail/notice.html")),
    ("notice.txt", include_str!("../../templates/mail/notice.txt")),
    ("notification.html", include_str!("../../templates/mail/notification.html")),
    ("notification.txt", include_str!("../../templates/mail/notification.txt")),
    ("password_recovery.html", include_str!("../../templates/mail/password_recovery.html")),
    ("password_recovery.txt", include_str!("../../templates/mail/password_recovery.txt")),
];

impl Template {
    /// The mail's subject: a text of ours, so that nothing gets into the headers.
    #[must_use]
    pub fn subject(self) -> &'static str {
        match self {
            Self::EmailVerification => "Confirm your email address",
            Self::NewAccount => "Your new account",
            Self::Notice => "Your email address",
            Self::Notification => "A message for you",
            Self::PasswordRecovery => "Password recovery",
        }
    }

    fn files(self) -> (&'static str, &'static str) {
        match self {
            Self::EmailVerification => ("email_verification.txt", "email_verification.html"),
            Self::NewAccount => ("new_account.txt", "new_account.html"),
            Self::Notice => ("notice.txt", "notice.html"),
            Self::Notification => ("notification.txt", "notification.html"),
            Self::PasswordRecovery => ("password_recovery.txt", "password_recovery.html"),
        }
    }
}

/// The texts, read.
pub(super) struct Templates(Environment<'static>);

impl Templates {
    /// # Errors
    /// For a template that cannot be read.
    pub(super) fn new() -> Result<Self, Error> {
        let mut environment = Environment::new();
        // A name that nobody has filled in is a mistake of ours, and no empty place in a mail.
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        for (name, source) in SOURCES {
            environment.add_template(name, source)?;
        }
        Ok(Self(environment))
    }

    /// The mail as plain text and as HTML.
    ///
    /// # Errors
    /// For a value that is missing.
    pub(super) fn render(&self, template: Template, sender: &str, values: &Value) -> Result<(String, String), Error> {
        let values = context! { subject => template.subject(), sender, ..values.clone() };
        let (text, html) = template.files();
        let render = |name| self.0.get_template(name)?.render(&values);
        Ok((render(text)?, render(html)?))
    }
}
