use super::document::json;
use super::{Api, Problem};
use crate::audit::{Event, Logged, OperatorAction, Verdict};
use crate::domain::{Right, UtcTime};
use crate::identity::Principal;
use crate::policy::{Circumstances, ReadAudit, SIGN_IN, UNDECIDED};
use crate::report::AccessLogQuery;
use bytes::Bytes;
use http::{Response, StatusCode};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use std::sync::Arc;

/// Events of one page, where nothing else is asked for.
const LIMIT_DEFAULT: usize = 50;
/// Events of one page at most.
const LIMIT_MAX: usize = 1_000;

impl Api {
    /// `GET /-/v1/audit/events`: the tenant's events, newest first.
    pub(super) async fn audit_events(&self, who: &Arc<Principal>, around: &Circumstances, query: &str) -> Result<Response<Bytes>, Problem> {
        let query = parse(query)?;
        let admitted = self.gate.see::<ReadAudit>(who, around).await?;
        let page = self.access_log.search(&admitted, &query).await?;
        let document = serde_json::json!({ "events": page.events.iter().map(shown).collect::<Vec<_>>(), "next": page.next });
        Ok(json(StatusCode::OK, &document))
    }
}

fn parse(text: &str) -> Result<AccessLogQuery, Problem> {
    let mut query = AccessLogQuery { limit: LIMIT_DEFAULT, ..AccessLogQuery::default() };
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let refused = || Problem::parameter(name);
        let value = percent_decode_str(value).decode_utf8().map_err(|_| refused())?.into_owned();
        match name {
            "patient" => query.patient = Some(value),
            "person" => query.person = Some(value),
            "bucket" => query.bucket = Some(value),
            "key" => query.key = Some(value),
            "action" => query.action = Some(value).filter(|action| is_action(action)).ok_or_else(refused).map(Some)?,
            "verdict" => query.verdict = Some(Verdict::parse(&value).ok_or_else(refused)?),
            "since" => query.since = Some(UtcTime::parse(&value).map_err(|_| refused())?),
            "until" => query.until = Some(UtcTime::parse(&value).map_err(|_| refused())?),
            "before" => query.before = Some(value.parse().map_err(|_| refused())?),
            "limit" => {
                query.limit = value.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit)).ok_or_else(refused)?;
            }
            _ => return Err(refused()),
        }
    }
    Ok(query)
}

/// Whether there is such an action: a typing mistake would otherwise find nothing, in silence.
fn is_action(name: &str) -> bool {
    name == UNDECIDED || name == SIGN_IN || Right::parse(name).is_ok() || OperatorAction::ALL.iter().any(|action| action.name() == name)
}

#[derive(Serialize)]
#[serde(untagged)]
enum Shown<'a> {
    Whole(&'a Event),
    Damaged { id: String, at: String, verdict: &'static str },
}

fn shown(logged: &Logged) -> Shown<'_> {
    match logged {
        Logged::Whole(event) => Shown::Whole(event),
        Logged::Damaged { id, at } => Shown::Damaged { id: id.to_string(), at: at.to_string(), verdict: "damaged" },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_taken_apart_and_unknown_parameters_are_refused() {
        let query = parse("patient=0001234&limit=5&key=a%2Fb").map_err(|_| ()).unwrap();
        assert_eq!((query.patient.as_deref(), query.limit, query.key.as_deref()), (Some("0001234"), 5, Some("a/b")));
        for bad in
            ["limit=0", "limit=x", "nobody=1", "before=-1", "since=yesterday", "until=2027-03-31", "verdict=no", "action=reed", "action="]
        {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_moment_may_have_any_offset() {
        let query = parse("since=2027-04-01T00:00:00%2B09:00&action=create-principal&verdict=refused").map_err(|_| ()).unwrap();
        assert_eq!(query.since, UtcTime::parse("2027-03-31T15:00:00Z").ok());
        assert_eq!((query.verdict, query.action.as_deref()), (Some(Verdict::Refused), Some("create-principal")));
    }
}
