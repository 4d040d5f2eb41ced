use super::fault::Fault;
use super::pool::Pool;
use super::session::Session;
use super::standby::{STANDBYS, Standbys};
use super::transaction;
use crate::engine::cells::{Cells, Columns};
use crate::engine::checkup::{Check, Checkup, Tables, Verdict};
use crate::engine::{EngineError, PostgresSettings, PostgresTls};
use futures::FutureExt;

/// Older servers lack what the statements say.
const OLDEST: i64 = 150_000;

/// Looks at the server and changes nothing.
pub(super) async fn look(settings: &PostgresSettings) -> Result<Checkup, EngineError> {
    let pool = Pool::new(settings)?;
    let mut checkup = transaction::read(&pool, |session| ask(session).boxed()).await?;
    let schema = settings.schema.clone();
    checkup.tables = transaction::read(&pool, move |session| {
        let schema = schema.clone();
        async move { tables(session, &schema).await }.boxed()
    })
    .await?;
    checkup.checks.push(match &settings.tls {
        PostgresTls::Verified { ca } => Check::new("index tls", Verdict::Good, format!("verified by {}", ca.display())),
        PostgresTls::Off => Check::new("index tls", Verdict::Good, "none, to a server on this machine".to_owned()),
    });
    Ok(checkup)
}

async fn ask(session: &Session) -> Result<Checkup, Fault> {
    let sql = "SELECT current_setting('server_version_num')::bigint, current_setting('server_version'), current_setting('fsync'),
                 current_setting('full_page_writes'), current_setting('data_checksums')";
    let mut checks = session.one(sql, Vec::new(), checks).await?.ok_or(EngineError::Unavailable)?;
    let standbys = session.one(STANDBYS, Vec::new(), Standbys::of).await?.ok_or(EngineError::Unavailable)?;
    checks.extend(standbys.checks());
    Ok(Checkup { checks, tables: Tables::None })
}

fn checks(row: &dyn Columns) -> Result<Vec<Check>, EngineError> {
    let mut cells = Cells::new(row, "pg_settings");
    let (number, version): (i64, String) = (cells.take()?, cells.take()?);
    let (fsync, pages, sums): (String, String, String) = (cells.take()?, cells.take()?, cells.take()?);
    let is_on = |name: &'static str, value: &str, otherwise: Verdict, why: &str| {
        if value == "on" {
            Check::new(name, Verdict::Good, "on".to_owned())
        } else {
            Check::new(name, otherwise, format!("{value}: {why}"))
        }
    };
    Ok(vec![
        if number >= OLDEST {
            Check::new("index server", Verdict::Good, format!("PostgreSQL {version}"))
        } else {
            Check::new("index server", Verdict::Bad, format!("PostgreSQL {version}: 15 is the oldest that will do"))
        },
        is_on("index fsync", &fsync, Verdict::Bad, "what was acknowledged is lost with the power"),
        is_on("index full_page_writes", &pages, Verdict::Bad, "a power cut can tear pages"),
        is_on("index data_checksums", &sums, Verdict::Weak, "rot on its disk is not noticed; see `pg_checksums`"),
    ])
}

async fn tables(session: &Session, schema: &str) -> Result<Tables, Fault> {
    let there = session
        .exists("SELECT 1 FROM pg_tables WHERE schemaname = $1::text AND tablename = 'hozon_schema'", super::given::given![schema])
        .await?;
    if !there {
        return Ok(Tables::None);
    }
    let steps = session.one("SELECT steps FROM hozon_schema", Vec::new(), |row| Cells::new(row, "hozon_schema").number::<u32>()).await?;
    Ok(if steps == Some(super::schema::KNOWN) { Tables::Current } else { Tables::Other })
}
