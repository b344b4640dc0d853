//! The index: which sessions saw or released which content, in one SQLite file of the state directory.
//!
//! **Invariants:** it holds no names of files or people, so nothing in it has to be erased with them; it is never evidence
//! and never asked by the line: it is built from the audit chain and the quarantine, and can be built anew at any time. What
//! is wrong with it never stops intake.

mod chain;
mod holds;
mod look;
mod schema;

pub use look::{Counts, Seen, SeenAs};
pub use schema::VERSION;

use rusqlite::{Connection, TransactionBehavior};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Name of the file in the state directory.
pub const FILE: &str = "index.sqlite";
/// How long another program of the station may write.
// BOUND: what a session adds takes milliseconds; building anew a chain of a million records takes a minute.
const BUSY: Duration = Duration::from_mins(2);

/// Why the index cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// SQLite.
    #[error("the index {path} cannot be used: {source}. Run `schleuse state rebuild`")]
    Sqlite {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// Written by a later program.
    #[error(
        "the index {path} was written by a later version of this program (form {found}, this one knows {known}). Use that \
         version, or remove the file: it is built anew from the audit chain"
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its form.
        found: u32,
        /// The last this program knows.
        known: u32,
    },
    /// A damaged file cannot be removed.
    #[error("the damaged index {path} cannot be removed: {source}")]
    Remove {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The audit chain.
    #[error(transparent)]
    Audit(#[from] audit::AuditError),
    /// The quarantine.
    #[error(transparent)]
    Quarantine(#[from] spool::QuarantineError),
}

/// The opened index of a station.
#[derive(Debug)]
pub struct Index {
    connection: Connection,
    state: PathBuf,
}

impl Index {
    /// Opens the index below `state` (made if absent), brings its form up to date, and adds what the chain has more. A file
    /// that is damaged is replaced.
    ///
    /// # Errors
    /// [`IndexError`]; a file of a later program is left alone.
    pub fn open(state: &Path) -> Result<Self, IndexError> {
        match Self::open_kept(state) {
            Err(IndexError::Sqlite { path, source }) if is_damage(&source) => {
                tracing::warn!(path = %path.display(), %source, "the index is damaged; it is built anew");
                std::fs::remove_file(&path).map_err(|source| IndexError::Remove { path, source })?;
                Self::open_kept(state)
            }
            other => other,
        }
    }

    fn open_kept(state: &Path) -> Result<Self, IndexError> {
        let mut index = Self::connect(state)?;
        index.catch_up()?;
        Ok(index)
    }

    fn connect(state: &Path) -> Result<Self, IndexError> {
        let path = state.join(FILE);
        let sqlite = |source| IndexError::Sqlite { path: path.clone(), source };
        let mut connection = Connection::open(&path).map_err(sqlite)?;
        connection.busy_timeout(BUSY).map_err(sqlite)?;
        connection.execute_batch("PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; PRAGMA trusted_schema = OFF;").map_err(sqlite)?;
        if let Err(found) = schema::migrate(&mut connection).map_err(sqlite)? {
            return Err(IndexError::Newer { path, found, known: VERSION });
        }
        Ok(Self { connection, state: state.to_owned() })
    }

    /// Adds what chain and quarantine have more than the index.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn catch_up(&mut self) -> Result<(), IndexError> {
        self.build(false)
    }

    /// Builds everything anew.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn rebuild(state: &Path) -> Result<Self, IndexError> {
        let path = state.join(FILE);
        let anew = || {
            let mut index = Self::connect(state)?;
            index.build(true)?;
            Ok(index)
        };
        match anew() {
            Err(IndexError::Sqlite { source, .. }) if is_damage(&source) => {
                std::fs::remove_file(&path).map_err(|source| IndexError::Remove { path: path.clone(), source })?;
                anew()
            }
            other => other,
        }
    }

    /// One transaction: another program of the station sees all of it or nothing.
    fn build(&mut self, anew: bool) -> Result<(), IndexError> {
        let path = self.state.join(FILE);
        let sqlite = |source| IndexError::Sqlite { path: path.clone(), source };
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sqlite)?;
        if anew || !chain::continues(&transaction, &self.state).map_err(|error| error.at(&path))? {
            schema::clear(&transaction).map_err(sqlite)?;
        }
        let changed = chain::add(&transaction, &self.state).map_err(|error| error.at(&path))?;
        if changed {
            holds::add(&transaction, &self.state).map_err(|error| error.at(&path))?;
        }
        transaction.commit().map_err(sqlite)
    }

    fn sqlite(&self, source: rusqlite::Error) -> IndexError {
        IndexError::Sqlite { path: self.state.join(FILE), source }
    }
}

/// What building may meet; the file is named where it is known.
#[derive(Debug, thiserror::Error)]
enum Building {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error(transparent)]
    Audit(#[from] audit::AuditError),
    #[error(transparent)]
    Quarantine(#[from] spool::QuarantineError),
}

impl Building {
    fn at(self, path: &Path) -> IndexError {
        match self {
            Self::Sqlite(source) => IndexError::Sqlite { path: path.to_owned(), source },
            Self::Audit(error) => error.into(),
            Self::Quarantine(error) => error.into(),
        }
    }
}

fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase, TypeMismatch, Unknown};
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => matches!(failure.code, DatabaseCorrupt | NotADatabase | TypeMismatch | Unknown),
        // Columns or rows that this program never writes.
        rusqlite::Error::FromSqlConversionFailure(..) | rusqlite::Error::InvalidColumnType(..) => true,
        _ => false,
    }
}
