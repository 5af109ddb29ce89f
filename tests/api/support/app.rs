//! The application as `serve` builds it, on a database of its own.

use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use keel::core::client;
use keel::core::clock::Clock;
use keel::core::config::{self, Settings, Sources};
use keel::entities::user::{Column, Entity};
use keel::jobs::Context;
use keel::mail::Mailer;
use keel::realtime::session_watcher;
use keel::schemas::password::NewPassword;
use keel::schemas::text::Email;
use keel::schemas::user::UserRead;
use keel::server::{App, Readiness};
use keel::services::account::{login, user};
use keel::services::health;
use keel::state::AppState;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;

use super::client::{Client, Response};
use super::database::TestDatabase;
use super::outbox::Outbox;
use super::socket::TestServer;

/// The password of every user.
pub const PASSWORD: &str = "correct horse battery";

/// A running application, without a socket.
pub struct TestApp {
    pub app: App,
    pub state: AppState,
    pub database: TestDatabase,
    // only with jobs
    /// Runs the jobs when a test asks for it.
    pub jobs: Context,
    // only with jobs
    /// The mails that were sent.
    pub outbox: Outbox,
    /// The difference between the application's clock and the system's.
    offset: Arc<Mutex<TimeDelta>>,
}

/// The folder of the suite's settings, for `APP_CONFIG_DIR`.
pub const SETTINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/api/support/settings");

/// The settings of the suite.
pub fn settings() -> Settings {
    config::load(&Sources { folder: Some(SETTINGS.into()), ..Sources::default() }).unwrap()
}

/// The application of this state.
pub fn build(state: &AppState) -> App {
    keel::app::build(state)
}

/// Starts the background tasks of `serve`.
fn start_background_tasks(state: &AppState) {
    let AppState { settings, accounts, hub, limiter, readiness, .. } = state.clone();
    tokio::spawn(async move {
        tokio::join!(
            hub.run(&readiness),
            session_watcher::watch(&accounts, &hub),
            health::monitor(settings.database.clone(), &limiter, &readiness),
        )
    });
}

impl TestApp {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// With changed settings.
    pub async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::on(TestDatabase::migrated().await, change).await
    }

    pub async fn on(database: TestDatabase, change: impl FnOnce(&mut Settings)) -> Self {
        super::log::watch();
        let mut settings = settings();
        settings.database = database.settings();
        change(&mut settings);
        let db = keel::core::database::connect(&settings.database).await.unwrap();
        let offset = Arc::new(Mutex::new(TimeDelta::zero()));
        let clock = Clock::new({
            let offset = Arc::clone(&offset);
            move || Clock::system().now() + *offset.lock().unwrap()
        });
        let outbox = tempfile::tempdir().unwrap(); // only with jobs
        let state = AppState::new(settings, db, clock).unwrap();
        // only with jobs
        let jobs = Context {
            accounts: state.accounts.clone(),
            mailer: Mailer::into_folder(&state.settings.mail, outbox.path().to_owned()).unwrap(),
            settings: state.settings.jobs.clone(),
            shutdown_grace: std::time::Duration::from_secs(5),
        };
        let outbox = Outbox::new(outbox, jobs.clone()); // only with jobs
        start_background_tasks(&state);
        Self {
            app: build(&state),
            state,
            database,
            jobs,   // only with jobs
            outbox, // only with jobs
            offset,
        }
    }

    /// The same application as in another process: with its own connections and caches.
    pub async fn elsewhere(&self) -> App {
        let db = self.database.connect().await;
        let state = AppState::new((*self.state.settings).clone(), db, self.state.accounts.clock.clone()).unwrap();
        start_background_tasks(&state);
        build(&state)
    }

    /// The application on a socket.
    pub async fn listen(&self) -> TestServer {
        let settings = self.state.settings.server.clone();
        TestServer::start(self.app.clone(), settings, self.state.readiness.clone()).await
    }

    // only with realtime
    /// The application of another process on a socket.
    pub async fn listen_elsewhere(&self) -> TestServer {
        TestServer::start(self.elsewhere().await, self.state.settings.server.clone(), Readiness::default()).await
    }

    /// Moves the application's clock, and returns the new time.
    pub fn travel(&self, by: TimeDelta) -> DateTime<Utc> {
        *self.offset.lock().unwrap() += by;
        self.state.accounts.clock.now()
    }

    /// Waits for the work that requests do not wait for.
    pub async fn settle(&self) {
        self.state.accounts.tasks.close();
        self.state.accounts.tasks.wait().await;
    }

    /// A client without a token.
    pub fn anonymous(&self) -> Client {
        Client::new(self.app.clone(), None)
    }

    /// A client with this token.
    pub fn bearer(&self, token: &str) -> Client {
        Client::new(self.app.clone(), Some(token.to_owned()))
    }

    /// The response to a login.
    pub async fn log_in(&self, username: &str, password: &str) -> Response {
        self.anonymous().form("/token", &[("username", username), ("password", password)]).await
    }

    /// A new user, logged in. The email address of `ann` is `ann@example.com`.
    pub async fn user(&self, name: &str) -> Client {
        self.sign_in(name, false).await
    }

    /// A new superuser, logged in.
    pub async fn superuser(&self, name: &str) -> Client {
        self.sign_in(name, true).await
    }

    async fn sign_in(&self, name: &str, is_superuser: bool) -> Client {
        let accounts = &self.state.accounts;
        let email = Email::try_from(format!("{name}@example.com")).unwrap();
        let password = NewPassword::try_from(PASSWORD.to_owned()).unwrap();
        // Its email address is verified, and its username is the part before the `@`.
        assert!(user::ensure_superuser(accounts, email, password).await.unwrap());
        let role = Entity::update_many().col_expr(Column::IsSuperuser, Expr::value(is_superuser));
        role.filter(Column::Username.eq(name)).exec(&accounts.db).await.unwrap();
        let form = serde_json::from_value(json!({ "username": name, "password": PASSWORD })).unwrap();
        let found = user::find_by_login(&accounts.db, name).await.unwrap();
        let user = found.clone().map(UserRead::from);
        let token = login::login(accounts, &client::Client::default(), found, form).await.unwrap();
        Client { user, refresh_token: Some(token.refresh_token), ..self.bearer(&token.access_token) }
    }
}
