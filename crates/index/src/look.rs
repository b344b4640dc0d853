//! What the index is asked.

use crate::schema::TABLES;
use crate::{Index, IndexError, VERSION};
use model::Digest;
use rusqlite::types::Value;
use serde::Serialize;

/// How many rows of each kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Form of the file.
    pub version: u32,
    /// Sequence number of the last record of the chain that is in it.
    pub chain_seq: Option<u64>,
    /// Sessions.
    pub sessions: u64,
    /// Of them, erased.
    pub erased: u64,
    /// Items with an outcome.
    pub items: u64,
    /// Files released.
    pub outputs: u64,
    /// Holds whose original is there.
    pub held: u64,
    /// Holds whose original was destroyed.
    pub destroyed: u64,
}

/// As what a digest was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SeenAs {
    /// Content of a medium.
    Content,
    /// A file this station wrote and released.
    Output,
}

/// One place where a digest was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// Session.
    pub session: String,
    /// When it was opened, RFC 3339 UTC.
    pub opened_at: Option<String>,
    /// Record of the chain that says so.
    pub seq: u64,
    /// As what.
    pub seen_as: SeenAs,
    /// What became of the item.
    pub outcome: String,
    /// Why.
    pub reason: Option<String>,
}

impl Index {
    /// How much there is.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn counts(&self) -> Result<Counts, IndexError> {
        let count = |sql: &str| {
            self.connection.query_row(sql, [], |row| row.get::<_, i64>(0).map(i64::unsigned_abs)).map_err(|error| self.sqlite(error))
        };
        let chain_seq = self.connection.query_row("SELECT max(seq) FROM progress", [], |row| row.get::<_, Option<i64>>(0));
        Ok(Counts {
            version: VERSION,
            chain_seq: chain_seq.map_err(|error| self.sqlite(error))?.map(i64::unsigned_abs),
            sessions: count("SELECT count(*) FROM sessions")?,
            erased: count("SELECT count(*) FROM sessions WHERE erased = 1")?,
            items: count("SELECT count(*) FROM items")?,
            outputs: count("SELECT count(*) FROM outputs")?,
            held: count("SELECT count(*) FROM holds WHERE state = 'held'")?,
            destroyed: count("SELECT count(*) FROM holds WHERE state = 'destroyed'")?,
        })
    }

    /// Where this digest was seen, oldest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn find(&self, digest: Digest) -> Result<Vec<Seen>, IndexError> {
        let look = || {
            let mut statement = self.connection.prepare(
                "SELECT i.session, s.opened_at, i.seq, 0, i.outcome, i.reason FROM items i JOIN sessions s ON s.id = i.session WHERE i.sha256 = ?1
                 UNION ALL
                 SELECT i.session, s.opened_at, i.seq, 1, i.outcome, i.reason FROM outputs o JOIN items i ON i.seq = o.item
                 JOIN sessions s ON s.id = i.session WHERE o.sha256 = ?1 ORDER BY 3, 4",
            )?;
            let seen = statement.query_map([digest.hex()], |row| {
                Ok(Seen {
                    session: row.get(0)?,
                    opened_at: row.get(1)?,
                    seq: row.get::<_, i64>(2)?.unsigned_abs(),
                    seen_as: if row.get::<_, u8>(3)? == 0 { SeenAs::Content } else { SeenAs::Output },
                    outcome: row.get(4)?,
                    reason: row.get(5)?,
                })
            })?;
            seen.collect::<rusqlite::Result<Vec<_>>>()
        };
        look().map_err(|error| self.sqlite(error))
    }

    /// Every row of every table as a line, sorted: two indexes that say the same give the same lines.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn dump(&self) -> Result<Vec<String>, IndexError> {
        let mut lines = Vec::new();
        for table in TABLES {
            let mut rows = || {
                let mut statement = self.connection.prepare(&format!("SELECT * FROM {table}"))?;
                let columns = statement.column_count();
                let mut rows = statement.query([])?;
                while let Some(row) = rows.next()? {
                    let cells: Vec<String> = (0..columns).map(|at| Ok(shown(&row.get(at)?))).collect::<rusqlite::Result<_>>()?;
                    lines.push(format!("{table}: {}", cells.join(" | ")));
                }
                Ok(())
            };
            rows().map_err(|error| self.sqlite(error))?;
        }
        lines.sort();
        Ok(lines)
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        Value::Blob(bytes) => format!("{} bytes", bytes.len()),
    }
}
