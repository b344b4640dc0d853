//! The tables, and how an older form becomes the present one.

use rusqlite::{Connection, Transaction, TransactionBehavior};

/// What each form adds to the one before; the number of a form is its position from 1 (`PRAGMA user_version`). Never change
/// one that was released: add the next.
pub(crate) const MIGRATIONS: &[&str] = &[
    "CREATE TABLE progress (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, hash TEXT NOT NULL);
     CREATE TABLE sessions (
         id TEXT PRIMARY KEY, opened_at TEXT, ended_at TEXT, ended TEXT, erased INTEGER NOT NULL DEFAULT 0, policy_sha256 TEXT,
         found INTEGER, released INTEGER, withheld INTEGER, unreadable INTEGER, structural INTEGER
     ) STRICT;
     CREATE TABLE engines (session TEXT NOT NULL REFERENCES sessions, name TEXT NOT NULL, version TEXT NOT NULL, signatures TEXT) STRICT;
     CREATE TABLE items (
         seq INTEGER PRIMARY KEY, session TEXT NOT NULL REFERENCES sessions, sha256 TEXT, size_bytes INTEGER, format TEXT,
         outcome TEXT NOT NULL, reason TEXT
     ) STRICT;
     CREATE TABLE outputs (session TEXT NOT NULL REFERENCES sessions, item INTEGER NOT NULL REFERENCES items, sha256 TEXT NOT NULL) STRICT;
     CREATE TABLE holds (
         id TEXT PRIMARY KEY, session TEXT NOT NULL, sha256 TEXT NOT NULL, class TEXT NOT NULL, reason TEXT NOT NULL,
         held_at TEXT NOT NULL, state TEXT NOT NULL
     ) STRICT;",
    "CREATE INDEX items_sha256 ON items (sha256);
     CREATE INDEX items_session ON items (session);
     CREATE INDEX outputs_sha256 ON outputs (sha256);
     CREATE INDEX outputs_session ON outputs (session);
     CREATE INDEX outputs_item ON outputs (item);
     CREATE INDEX engines_session ON engines (session);
     CREATE INDEX holds_sha256 ON holds (sha256);",
];

/// The form this program writes.
pub const VERSION: u32 = MIGRATIONS.len() as u32;

/// Every table, what refers to others first.
pub(crate) const TABLES: [&str; 6] = ["holds", "outputs", "items", "engines", "sessions", "progress"];

/// Brings the form up to date; the number of a later form, when it is one.
pub(crate) fn migrate(connection: &mut Connection) -> rusqlite::Result<Result<(), u32>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: u32 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > VERSION {
        return Ok(Err(found));
    }
    for step in MIGRATIONS.iter().skip(found as usize) {
        transaction.execute_batch(step)?;
    }
    if found < VERSION {
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    transaction.commit()?;
    Ok(Ok(()))
}

/// Empties every table.
pub(crate) fn clear(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    TABLES.iter().try_for_each(|table| transaction.execute(&format!("DELETE FROM {table}"), []).map(drop))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(connection: &Connection) -> Vec<(String, String)> {
        let mut statement = connection.prepare("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").unwrap();
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn every_older_form_becomes_the_present_one_and_keeps_its_rows() {
        let mut fresh = Connection::open_in_memory().unwrap();
        assert_eq!(migrate(&mut fresh).unwrap(), Ok(()));
        for old in 1..=MIGRATIONS.len() {
            let mut connection = Connection::open_in_memory().unwrap();
            MIGRATIONS[..old].iter().for_each(|step| connection.execute_batch(step).unwrap());
            connection.pragma_update(None, "user_version", old as u32).unwrap();
            connection.execute("INSERT INTO sessions (id) VALUES ('s1')", []).unwrap();
            assert_eq!(migrate(&mut connection).unwrap(), Ok(()));
            assert_eq!(form(&connection), form(&fresh), "from {old}");
            let rows: u32 = connection.query_row("SELECT count(*) FROM sessions", [], |row| row.get(0)).unwrap();
            assert_eq!(rows, 1);
        }
        // Twice is once.
        assert_eq!(migrate(&mut fresh).unwrap(), Ok(()));
    }

    #[test]
    fn a_later_form_is_left_alone() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", VERSION + 1).unwrap();
        assert_eq!(migrate(&mut connection).unwrap(), Err(VERSION + 1));
        assert!(form(&connection).is_empty());
    }
}
