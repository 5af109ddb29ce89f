//! A database for each test, copied from a migrated template.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use keel::core::config::DatabaseSettings;
use keel::core::database::migrate;
use keel::core::database::{self, Db};
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, Statement};
use tempfile::TempDir;
use tokio::sync::{OnceCell, mpsc, oneshot};

/// Whether the suite runs on PostgreSQL.
#[expect(clippy::disallowed_methods, reason = "the suite has this one setting of its own")]
pub fn server_url() -> Option<&'static str> {
    static URL: LazyLock<Option<String>> =
        LazyLock::new(|| std::env::var("TEST_DATABASE_URL").ok().filter(|url| !url.is_empty()));
    URL.as_deref()
}

/// A test's own database, which goes with it.
pub struct TestDatabase {
    pub url: String,
    kind: Kind,
}

enum Kind {
    /// The folder of the file, deleted with it.
    Sqlite {
        _folder: TempDir,
    },
    Postgres {
        name: String,
    },
}

impl TestDatabase {
    /// Migrated, and otherwise empty.
    pub async fn migrated() -> Self {
        if server_url().is_some() {
            return Self::on_server(true).await;
        }
        let database = Self::in_folder();
        let file = database.url.strip_prefix("sqlite://").unwrap();
        std::fs::copy(sqlite_template().await, file).unwrap();
        database
    }

    /// Without any table.
    pub async fn empty() -> Self {
        match server_url() {
            Some(_) => Self::on_server(false).await,
            None => Self::in_folder(),
        }
    }

    fn in_folder() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        Self { url, kind: Kind::Sqlite { _folder: folder } }
    }

    async fn on_server(from_template: bool) -> Self {
        let (reply, name) = oneshot::channel();
        POSTGRES.send(Request::Create { from_template, reply }).unwrap();
        let name = name.await.unwrap();
        Self { url: url_of(&name), kind: Kind::Postgres { name } }
    }

    /// How a test's application connects: with long timeouts, because the machine may be busy with other tests.
    pub fn settings(&self) -> DatabaseSettings {
        settings(&self.url)
    }

    /// Where the server is: `host:port`.
    pub fn server(&self) -> String {
        let (_, place) = self.url.split_once('@').unwrap();
        place.split_once('/').unwrap().0.to_owned()
    }

    pub async fn connect(&self) -> Db {
        connect(&self.url).await
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Kind::Postgres { name } = &self.kind {
            // What is still there when the process ends is swept by the next one.
            let _ = POSTGRES.send(Request::Drop { name: name.clone() });
        }
    }
}

fn settings(url: &str) -> DatabaseSettings {
    DatabaseSettings {
        url: url.to_owned().into(),
        max_connections: 4,
        acquire_timeout_ms: 10_000,
        statement_timeout_ms: 10_000,
        lock_timeout_ms: 10_000,
        auto_migrate: false,
    }
}

async fn connect(url: &str) -> Db {
    database::connect(&settings(url)).await.unwrap()
}

/// The file that the databases of the tests are copies of.
async fn sqlite_template() -> &'static PathBuf {
    static TEMPLATE: OnceCell<(TempDir, PathBuf)> = OnceCell::const_new();
    let template = TEMPLATE.get_or_init(async || {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("template.db");
        let db = connect(&format!("sqlite://{}", file.display())).await;
        migrate::up(&db).await.unwrap();
        // The last connection to close writes everything into the one file.
        db.close().await.unwrap();
        (folder, file)
    });
    &template.await.1
}

enum Request {
    Create { from_template: bool, reply: oneshot::Sender<String> },
    Drop { name: String },
}

/// Makes and drops databases on the server, one after the other, on a thread of its own: it outlives
/// the runtimes of the tests, and its connection marks the databases of this process as in use.
static POSTGRES: LazyLock<mpsc::UnboundedSender<Request>> = LazyLock::new(|| {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(administrate(receiver));
    });
    sender
});

fn url_of(database: &str) -> String {
    let (server, _) = server_url().unwrap().rsplit_once('/').expect("TEST_DATABASE_URL ends with a database's name");
    format!("{server}/{database}")
}

/// What the names of databases begin with. The longest are within the 63 bytes that PostgreSQL allows.
pub const NAME_PREFIX: &str = "keel_test_";

async fn administrate(mut requests: mpsc::UnboundedReceiver<Request>) {
    let run = format!("{NAME_PREFIX}{:08x}", uuid::Uuid::new_v4().as_fields().0);
    // Creating and dropping a database waits for all backends of the server, also those of a test that wait for a lock.
    let patient = DatabaseSettings { statement_timeout_ms: 120_000, ..settings(server_url().unwrap()) };
    let admin = database::connect(&patient).await.unwrap();
    let marker = connect_marker(&run).await;
    sweep(&admin).await;
    let template = format!("{run}_template");
    execute(&admin, &format!("CREATE DATABASE {template}")).await;
    let db = connect(&url_of(&template)).await;
    migrate::up(&db).await.unwrap();
    db.close().await.unwrap();

    let mut count = 0;
    while let Some(request) = requests.recv().await {
        match request {
            Request::Create { from_template, reply } => {
                count += 1;
                let name = format!("{run}_{count}");
                let from = if from_template { format!(" TEMPLATE {template}") } else { String::new() };
                execute(&admin, &format!("CREATE DATABASE {name}{from}")).await;
                let _ = reply.send(name);
            }
            Request::Drop { name } => execute(&admin, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await,
        }
    }
    drop(marker);
}

/// A connection that carries the run's name for as long as the process lives.
async fn connect_marker(run: &str) -> Db {
    let mut options = sea_orm::ConnectOptions::new(server_url().unwrap());
    options.set_application_name(run.to_owned()).max_connections(1).min_connections(1);
    sea_orm::Database::connect(options).await.unwrap()
}

/// Drops the databases of processes that are gone.
async fn sweep(admin: &Db) {
    #[derive(FromQueryResult)]
    struct Row {
        datname: String,
    }
    let leftovers = r"SELECT datname::text FROM pg_database AS d WHERE datname LIKE 'keel\_test\_%' AND NOT EXISTS (
        SELECT 1 FROM pg_stat_activity AS a WHERE a.application_name LIKE 'keel\_test\_%'
        AND starts_with(d.datname::text, a.application_name))";
    let rows = Row::find_by_statement(Statement::from_string(DbBackend::Postgres, leftovers)).all(admin).await.unwrap();
    for row in rows {
        execute(admin, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", row.datname)).await;
    }
}

/// A template cannot be copied in the moment in which its last connection closes.
async fn execute(admin: &Db, statement: &str) {
    for attempt in 1.. {
        match admin.execute_unprepared(statement).await {
            Ok(_) => return,
            Err(error) if attempt < 50 && error.to_string().contains("being accessed by other users") => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => panic!("{statement}: {error}"),
        }
    }
}
