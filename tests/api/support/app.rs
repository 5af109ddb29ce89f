//! The application, as `serve` builds it, on a database of its own.

use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use keel::app;
use keel::core::clock::Clock;
use keel::core::config::{self, Settings, Sources};
use keel::middleware::App;
use keel::schemas::user::UserRead;
use keel::services::user;
use keel::state::AppState;
use serde_json::json;

use super::client::{Answer, Client};
use super::database::TestDatabase;

/// Everybody's password.
pub const PASSWORD: &str = "correct horse battery";

/// A running application, without a socket.
pub struct TestApp {
    pub app: App,
    pub state: AppState,
    pub database: TestDatabase,
    /// How far the application's clock is from the system's.
    offset: Arc<Mutex<TimeDelta>>,
}

/// The settings of `APP_ENV=test`, from what is compiled in alone.
pub fn settings() -> Settings {
    let variables = [("APP_ENV".to_owned(), "test".to_owned())].into();
    config::load(&Sources { variables, ..Sources::default() }).unwrap()
}

impl TestApp {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// With other settings than those of the test environment.
    pub async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::on(TestDatabase::migrated().await, change).await
    }

    pub async fn on(database: TestDatabase, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = settings();
        settings.database = database.settings();
        change(&mut settings);
        let db = keel::core::database::connect(&settings.database).await.unwrap();
        let offset = Arc::new(Mutex::new(TimeDelta::zero()));
        let clock = Clock::new({
            let offset = Arc::clone(&offset);
            move || Clock::system().now() + *offset.lock().unwrap()
        });
        let state = AppState::new(settings, db, clock);
        Self { app: app::build(state.clone()), state, database, offset }
    }

    /// The same application with connections of its own to the same database.
    pub async fn connect_again(&self) -> App {
        let db = self.database.connect().await;
        app::build(AppState { db, ..self.state.clone() })
    }

    /// Moves the application's clock, and says what it shows then.
    pub fn travel(&self, by: TimeDelta) -> DateTime<Utc> {
        *self.offset.lock().unwrap() += by;
        self.state.clock.now()
    }

    /// Somebody without a token.
    pub fn anonymous(&self) -> Client {
        Client::new(self.app.clone(), None)
    }

    /// Somebody who sends this token.
    pub fn bearer(&self, token: &str) -> Client {
        Client::new(self.app.clone(), Some(token.to_owned()))
    }

    /// What logging in is answered.
    pub async fn log_in(&self, username: &str, password: &str) -> Answer {
        self.anonymous().form("/token", &[("username", username), ("password", password)]).await
    }

    /// A new user, logged in: `ann` is `ann@example.com`.
    pub async fn user(&self, name: &str) -> Client {
        self.sign_in(name, false).await
    }

    /// A new superuser, logged in.
    pub async fn superuser(&self, name: &str) -> Client {
        self.sign_in(name, true).await
    }

    async fn sign_in(&self, name: &str, is_superuser: bool) -> Client {
        let data = json!({ "email": format!("{name}@example.com"), "username": name, "password": PASSWORD });
        let data = serde_json::from_value(data).unwrap();
        let AppState { db, passwords, clock, tokens, .. } = &self.state;
        let user: UserRead = user::create(db, passwords, clock.now(), data, is_superuser).await.unwrap();
        let token = tokens.issue(user.id, clock.now()).unwrap();
        Client { user: Some(user), ..self.bearer(&token.text) }
    }
}
