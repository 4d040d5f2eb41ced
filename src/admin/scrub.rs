use super::problem::Problem;
use super::route::{Answered, Asked, shown};
use super::wire::{Scrub, ScrubFinding, ScrubPass, Scrubbing};
use crate::domain::UtcTime;
use crate::engine::{Changed, JobOrder};
use crate::upkeep::{Finding, ScrubReport, ScrubStanding, ScrubStatus};

/// `GET /v1/scrub`
pub(super) async fn show(asked: &Asked<'_>) -> Answered {
    shown(&scrub(asked.services.scrub.status().await?))
}

/// `POST /v1/scrub/start`, `/v1/scrub/pause` and `/v1/scrub/resume`
pub(super) async fn order(asked: &Asked<'_>, order: JobOrder) -> Answered {
    if asked.services.scrub.order(order).await? == Changed::Conflict {
        return Err(Problem::already(match order {
            JobOrder::Start => "a pass was asked for already, or the scrub is paused: resume it first",
            JobOrder::Pause => "the scrub is paused already",
            JobOrder::Resume => "the scrub is not paused",
        }));
    }
    tracing::warn!(?order, "an operator's word on the scrub");
    show(asked).await
}

fn scrub(status: ScrubStatus) -> Scrub {
    let text = |moment: Option<UtcTime>| moment.map(|moment| moment.to_string());
    Scrub {
        scrub: match status.standing {
            ScrubStanding::Off => Scrubbing::Off,
            ScrubStanding::Waiting => Scrubbing::Waiting,
            ScrubStanding::Due => Scrubbing::Due,
            ScrubStanding::Running => Scrubbing::Running,
            ScrubStanding::Paused => Scrubbing::Paused,
        },
        node: status.node.map(|node| node.to_string()),
        started: text(status.started),
        finished: text(status.finished),
        ends: text(status.ends),
        last_full_pass: text(status.last_full),
        next: text(status.next),
        // A nothing of which all was read is no success.
        pass: ScrubPass { coverage_percent: if status.started.is_some() { percent(&status.pass) } else { 0.0 }, ..pass(status.pass) },
        before: status.last.map(pass),
    }
}

/// Two decimals are enough for people.
fn percent(report: &ScrubReport) -> f64 {
    (report.coverage() * 10_000.0).floor() / 100.0
}

fn pass(report: ScrubReport) -> ScrubPass {
    ScrubPass {
        coverage_percent: percent(&report),
        frames: report.frames,
        frames_all: report.frames_all,
        bytes: report.bytes,
        bytes_all: report.bytes_all,
        vanished: report.vanished,
        listed: report.listed,
        orphans: report.orphans,
        orphan_bytes: report.orphan_bytes,
        missing: report.missing,
        truncated: report.truncated,
        changed: report.changed,
        unreadable: report.unreadable,
        repaired: report.repaired,
        replica_missing: report.replica_missing,
        replica_damaged: report.replica_damaged,
        replica_filled: report.replica_filled,
        replica_unknown: report.replica_unknown,
        findings: report.findings.into_iter().map(finding).collect(),
    }
}

fn finding(finding: Finding) -> ScrubFinding {
    ScrubFinding {
        damage: finding.damage.name().to_owned(),
        blob: finding.blob,
        offset: finding.offset,
        length: finding.length,
        tenant: finding.tenant,
        bucket: finding.bucket,
        version: finding.version,
        upload: finding.upload,
        part: finding.part,
        at: finding.at.to_string(),
        state: finding.state.name().to_owned(),
        recorded: finding.is_recorded,
    }
}
