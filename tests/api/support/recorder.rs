//! Records the statements that an application sends to the database.

use std::sync::{Arc, Mutex};

use keel::core::database::Db;
use keel::state::AppState;
use sea_orm::{ConnectionTrait, DbBackend, Statement, TransactionTrait};

use super::app::build;
use super::{Client, TestApp};
use keel::server::App;

/// The same application as in another process, whose statements are recorded.
pub struct Recorder {
    app: App,
    db: Db,
    statements: Arc<Mutex<Vec<Statement>>>,
}

impl Recorder {
    pub async fn start(app: &TestApp) -> Self {
        let statements = Arc::<Mutex<Vec<Statement>>>::default();
        let mut db = app.database.connect().await;
        let recorded = Arc::clone(&statements);
        db.set_metric_callback(move |info| recorded.lock().unwrap().push(info.statement.clone()));
        let clock = app.state.accounts.clock.clone();
        let state = AppState::new((*app.state.settings).clone(), db.clone(), clock).unwrap();
        Self { app: build(&state), db, statements }
    }

    /// The client, connected to this application.
    pub fn client(&self, client: &Client) -> Client {
        Client { app: self.app.clone(), ..client.clone() }
    }

    pub fn clear(&self) {
        self.statements.lock().unwrap().clear();
    }

    /// What was sent since the last `clear`, without the authentication.
    pub fn statements(&self) -> Vec<Statement> {
        let statements = self.statements.lock().unwrap();
        statements.iter().filter(|statement| !statement.sql.contains(r#""sessions""#)).cloned().collect()
    }

    /// How the database would run the statement on a table that is too large to be read as a whole.
    pub async fn explain(&self, statement: Statement) -> String {
        let transaction = self.db.begin().await.unwrap();
        let (explain, column) = match statement.db_backend {
            DbBackend::Postgres => {
                let settings =
                    "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off";
                transaction.execute_unprepared(settings).await.unwrap();
                ("EXPLAIN", "QUERY PLAN")
            }
            _ => ("EXPLAIN QUERY PLAN", "detail"),
        };
        let explain = Statement { sql: format!("{explain} {}", statement.sql), ..statement };
        let rows = transaction.query_all_raw(explain).await.unwrap();
        rows.iter().map(|row| row.try_get::<String>("", column).unwrap()).collect::<Vec<_>>().join("\n")
    }
}
