use crate::engine::EngineError;
use crate::engine::cells::{Cells, Columns};
use crate::engine::checkup::{Check, Verdict};

/// What to read of the servers that follow this one. Whose `sync_state` is not shown to us is counted as hidden. A copy that is
/// being made is no standby yet.
pub(super) const STANDBYS: &str = "SELECT current_setting('synchronous_standby_names'),
      (SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit'), current_user::text,
      coalesce(string_agg(application_name, ', ') FILTER (WHERE sync_state IN ('sync', 'quorum')), ''),
      coalesce(string_agg(application_name, ', ') FILTER (WHERE sync_state = 'potential'), ''),
      coalesce(string_agg(application_name, ', ') FILTER (WHERE sync_state = 'async'), ''),
      count(*) FILTER (WHERE sync_state IS NULL)
    FROM pg_stat_replication WHERE state IS DISTINCT FROM 'backup'";

/// The servers that follow, by names, and what the server was told about them.
#[derive(Debug, Clone, Default)]
pub(super) struct Standbys {
    wanted: String,
    commit: String,
    user: String,
    synchronous: String,
    potential: String,
    asynchronous: String,
    hidden: i64,
}

impl Standbys {
    pub(super) fn of(row: &dyn Columns) -> Result<Self, EngineError> {
        let mut cells = Cells::new(row, "pg_stat_replication");
        Ok(Self {
            wanted: cells.take()?,
            commit: cells.take()?,
            user: cells.take()?,
            synchronous: cells.take()?,
            potential: cells.take()?,
            asynchronous: cells.take()?,
            hidden: cells.take()?,
        })
    }

    pub(super) fn checks(&self) -> Vec<Check> {
        vec![self.followers(), self.commits()]
    }

    fn followers(&self) -> Check {
        let Self { wanted, user, synchronous, potential, asynchronous, hidden, .. } = self;
        let is_shown = *hidden == 0;
        let (verdict, detail) = if !synchronous.is_empty() {
            let next = if potential.is_empty() { String::new() } else { format!("; {potential} would be next") };
            if asynchronous.is_empty() {
                (Verdict::Good, format!("synchronous: {synchronous}{next}"))
            } else {
                let late = format!("asynchronous: {asynchronous}, which lacks what was acknowledged last and must never take over");
                (Verdict::Weak, format!("synchronous: {synchronous}{next}; {late}"))
            }
        } else if !is_shown {
            let grant = format!("`GRANT pg_monitor TO {user}` shows whether they are synchronous");
            match wanted.is_empty() {
                true => (Verdict::Bad, format!("{hidden}, none synchronous: {LOSES}")),
                false => (Verdict::Weak, format!("{hidden}, wanted are {wanted}: {grant}")),
            }
        } else if !wanted.is_empty() {
            let others = if asynchronous.is_empty() { String::new() } else { format!(", only {asynchronous}") };
            (Verdict::Bad, format!("`synchronous_standby_names` wants {wanted}, and none such is connected{others}: commits wait for ever"))
        } else if !asynchronous.is_empty() {
            (Verdict::Bad, format!("asynchronous: {asynchronous}, none synchronous: {LOSES}"))
        } else {
            (Verdict::Weak, "none that could take over".to_owned())
        };
        Check::new("index standby", verdict, detail)
    }

    /// hozon's own connections make `off` and `local` good, so these are no loss; they say that somebody wanted otherwise.
    fn commits(&self) -> Check {
        let (verdict, why) = match self.commit.as_str() {
            "off" => (Verdict::Weak, ": hozon's own commits wait for the disk all the same, those of others do not"),
            "local" => (Verdict::Weak, ": hozon's own commits wait for a synchronous standby all the same, those of others do not"),
            "remote_write" => (Verdict::Weak, ": a standby whose power fails before it takes over loses what was acknowledged last"),
            _ => (Verdict::Good, ""),
        };
        Check::new("index synchronous_commit", verdict, format!("{}{why}", self.commit))
    }
}

const LOSES: &str = "a failover loses what was acknowledged; set `synchronous_standby_names`";

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(standbys: &Standbys) -> (Verdict, String) {
        let check = standbys.followers();
        (check.verdict, check.detail)
    }

    #[test]
    fn only_a_synchronous_standby_is_good_and_each_lack_has_its_own_words() {
        let none = Standbys { commit: "on".to_owned(), user: "hozon".to_owned(), ..Standbys::default() };
        let wanting = Standbys { wanted: "twin".to_owned(), ..none.clone() };
        let followed = Standbys { synchronous: "twin".to_owned(), ..wanting.clone() };
        let late = || "far".to_owned();
        let cases = [
            (none.clone(), Verdict::Weak, "none that could take over"),
            (wanting.clone(), Verdict::Bad, "wants twin, and none such is connected: commits wait"),
            (Standbys { asynchronous: late(), ..wanting.clone() }, Verdict::Bad, "none such is connected, only far: commits wait"),
            (Standbys { asynchronous: late(), ..none.clone() }, Verdict::Bad, "asynchronous: far, none synchronous: a failover loses"),
            (followed.clone(), Verdict::Good, "synchronous: twin"),
            (Standbys { potential: late(), ..followed.clone() }, Verdict::Good, "synchronous: twin; far would be next"),
            (Standbys { asynchronous: late(), ..followed }, Verdict::Weak, "far, which lacks what was acknowledged last"),
            (Standbys { hidden: 2, ..wanting }, Verdict::Weak, "2, wanted are twin: `GRANT pg_monitor TO hozon`"),
            (Standbys { hidden: 2, ..none }, Verdict::Bad, "2, none synchronous: a failover loses"),
        ];
        for (standbys, wanted, words) in cases {
            let (found, detail) = verdict(&standbys);
            assert!(found == wanted && detail.contains(words), "{standbys:?}: {found:?} {detail}");
        }
    }

    #[test]
    fn a_commit_that_does_not_wait_is_pointed_out() {
        for (commit, wanted) in [
            ("on", Verdict::Good),
            ("remote_apply", Verdict::Good),
            ("remote_write", Verdict::Weak),
            ("local", Verdict::Weak),
            ("off", Verdict::Weak),
        ] {
            let standbys = Standbys { commit: commit.to_owned(), ..Standbys::default() };
            assert_eq!(standbys.commits().verdict, wanted, "{commit}");
        }
    }
}
