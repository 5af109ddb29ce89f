//! Records the statements that an application sends to the database.

use std::cell::Cell;
use std::sync::{Arc, Mutex};

use keel::core::database::Db;
use keel::state::AppState;
use sea_orm::{ConnectionTrait, DbBackend, Statement, TransactionTrait};
use tracing::Subscriber;
use tracing::span::{Attributes, Id};
use tracing_subscriber::layer::{Context, Layer};

use super::app::build;
use super::{Client, TestApp};
use keel::server::App;

/// The same application as in another process, whose statements are recorded.
pub struct Recorder {
    app: App,
    db: Db,
    statements: Arc<Mutex<Vec<Statement>>>,
}

thread_local! {
    static TRANSACTIONS: Cell<usize> = const { Cell::new(0) };
}

/// Counts the transactions that begin on each thread. SeaORM's callback for statements does not see them, but they have
/// a span.
pub struct CountTransactions;

impl<S: Subscriber> Layer<S> for CountTransactions {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        if attributes.metadata().name() == "sea_orm.begin" {
            TRANSACTIONS.set(TRANSACTIONS.get() + 1);
        }
    }
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
        TRANSACTIONS.set(0);
    }

    /// What was sent since the last `clear`, without the authentication.
    pub fn statements(&self) -> Vec<Statement> {
        let authenticates = |sql: &str| sql.contains(r#""sessions""#) && !sql.contains("ORDER BY");
        let statements = self.statements.lock().unwrap();
        statements.iter().filter(|statement| !authenticates(&statement.sql)).cloned().collect()
    }

    /// How many transactions were begun since the last `clear`. For tests with a single thread.
    #[expect(clippy::unused_self, reason = "the count belongs to the recorder")]
    pub fn transactions(&self) -> usize {
        TRANSACTIONS.get()
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
