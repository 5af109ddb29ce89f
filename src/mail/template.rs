//! The texts of mails. The templates are in `templates/mail/`, compiled in, each as plain text and as HTML. Values are
//! escaped in the HTML.

use minijinja::{Environment, Error, UndefinedBehavior, Value, context};

/// The kinds of mails, with the values of their templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Template {
    /// A notice to the old email address about a new one: `is_done`.
    EmailChangeNotice,
    /// A link that verifies an email address: `link`, `hours`.
    EmailVerification,
    /// A link to choose the first password: `link`, `hours`.
    NewAccount,
    // only with notifications
    /// A user's message: `message`.
    Notification,
    /// A link to set a new password: `link`, `minutes`.
    PasswordRecovery,
}

/// Every file of the folder.
const SOURCES: &[(&str, &str)] = &[
    ("button.html", include_str!("../../templates/mail/button.html")),
    ("email_change_notice.html", include_str!("../../templates/mail/email_change_notice.html")),
    ("email_change_notice.txt", include_str!("../../templates/mail/email_change_notice.txt")),
    ("email_verification.html", include_str!("../../templates/mail/email_verification.html")),
    ("email_verification.txt", include_str!("../../templates/mail/email_verification.txt")),
    ("layout.html", include_str!("../../templates/mail/layout.html")),
    ("new_account.html", include_str!("../../templates/mail/new_account.html")),
    ("new_account.txt", include_str!("../../templates/mail/new_account.txt")),
    ("notification.html", include_str!("../../templates/mail/notification.html")), // only with notifications
    ("notification.txt", include_str!("../../templates/mail/notification.txt")),   // only with notifications
    ("password_recovery.html", include_str!("../../templates/mail/password_recovery.html")),
    ("password_recovery.txt", include_str!("../../templates/mail/password_recovery.txt")),
];

impl Template {
    /// The subject. A constant, so that no input gets into the headers.
    #[must_use]
    pub fn subject(self) -> &'static str {
        match self {
            Self::EmailChangeNotice => "Your email address",
            Self::EmailVerification => "Confirm your email address",
            Self::NewAccount => "Your new account",
            Self::Notification => "A message for you", // only with notifications
            Self::PasswordRecovery => "Password recovery",
        }
    }

    fn files(self) -> (&'static str, &'static str) {
        match self {
            Self::EmailChangeNotice => ("email_change_notice.txt", "email_change_notice.html"),
            Self::EmailVerification => ("email_verification.txt", "email_verification.html"),
            Self::NewAccount => ("new_account.txt", "new_account.html"),
            Self::Notification => ("notification.txt", "notification.html"), // only with notifications
            Self::PasswordRecovery => ("password_recovery.txt", "password_recovery.html"),
        }
    }
}

/// The parsed templates.
pub(super) struct Templates(Environment<'static>);

impl Templates {
    /// Parses all templates.
    ///
    /// # Errors
    /// For a syntax error in a template.
    pub(super) fn new() -> Result<Self, Error> {
        let mut environment = Environment::new();
        // A missing value is a bug, not an empty place in a mail.
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        for (name, source) in SOURCES {
            environment.add_template(name, source)?;
        }
        Ok(Self(environment))
    }

    /// Renders the mail as plain text and as HTML.
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
