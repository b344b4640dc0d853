//! The resource budget of one worker.

use crate::SandboxError;

/// What one worker may use. Enforced with `setrlimit(2)`, so that it holds where no cgroup can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// CPU time of each process, in seconds. Reaching it ends the worker with `Exit::Signal(SIGXCPU)`.
    pub cpu_seconds: u32,
    /// Address space of each process, in bytes; for the office role also the size of its temporary file system.
    pub memory_bytes: u64,
    /// Largest file that can be written, in bytes.
    pub file_bytes: u64,
    /// Processes and threads together, counted per worker. 1 means: the worker itself and nothing else.
    pub processes: u32,
}

impl Limits {
    /// The four numbers as worker arguments, in the order of the fields.
    pub fn to_arguments(&self) -> [String; 4] {
        [self.cpu_seconds.to_string(), self.memory_bytes.to_string(), self.file_bytes.to_string(), self.processes.to_string()]
    }

    /// Reads what [`Limits::to_arguments`] wrote.
    ///
    /// Fails with [`SandboxError::Arguments`] when a number is absent, malformed or zero (`file_bytes` may be zero).
    pub fn from_arguments<S: AsRef<str>>(words: &[S]) -> Result<Self, SandboxError> {
        let [cpu, memory, file, processes] = words else {
            return Err(SandboxError::Arguments);
        };
        let limits = Self {
            cpu_seconds: number(cpu.as_ref())?,
            memory_bytes: number(memory.as_ref())?,
            file_bytes: number(file.as_ref())?,
            processes: number(processes.as_ref())?,
        };
        if limits.cpu_seconds == 0 || limits.memory_bytes == 0 || limits.processes == 0 {
            return Err(SandboxError::Arguments);
        }
        Ok(limits)
    }
}

fn number<T: std::str::FromStr>(word: &str) -> Result<T, SandboxError> {
    word.parse().map_err(|_| SandboxError::Arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_read_back() {
        let limits = Limits { cpu_seconds: 3, memory_bytes: u64::MAX, file_bytes: 0, processes: 9 };
        assert_eq!(Limits::from_arguments(&limits.to_arguments()).unwrap(), limits);
    }

    #[test]
    fn missing_or_zero_numbers_are_refused() {
        assert!(Limits::from_arguments(&["1", "2", "3"]).is_err());
        assert!(Limits::from_arguments(&["0", "2", "3", "4"]).is_err());
        assert!(Limits::from_arguments(&["1", "-2", "3", "4"]).is_err());
    }
}
