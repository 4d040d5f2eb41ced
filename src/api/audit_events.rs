use super::{Api, Problem};
use crate::identity::Principal;
use crate::policy::Circumstances;
use crate::report::AccessLogQuery;
use bytes::Bytes;
use http::{Response, header};
use percent_encoding::percent_decode_str;
use std::sync::Arc;

/// Events of one page, where nothing else is asked for.
const LIMIT_DEFAULT: usize = 50;
/// Events of one page at most.
const LIMIT_MAX: usize = 1_000;

impl Api {
    /// `GET /-/v1/audit/events`: the tenant's events, newest first.
    pub(super) async fn audit_events(&self, who: &Arc<Principal>, around: &Circumstances, query: &str) -> Result<Response<Bytes>, Problem> {
        let query = parse(query)?;
        let admitted = self.gate.read_audit(who, around).await?;
        let page = self.access_log.search(&admitted, &query).await?;
        let document = serde_json::json!({ "events": page.events, "next": page.next });
        let mut response = Response::new(Bytes::from(document.to_string()));
        response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
        response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
        Ok(response)
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
            "action" => query.action = Some(value),
            "verdict" => query.verdict = Some(value),
            "since" => query.since = Some(value),
            "until" => query.until = Some(value),
            "before" => query.before = Some(value.parse().map_err(|_| refused())?),
            "limit" => {
                query.limit = value.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit)).ok_or_else(refused)?;
            }
            _ => return Err(refused()),
        }
    }
    Ok(query)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_taken_apart_and_unknown_parameters_are_refused() {
        let query = parse("patient=0001234&limit=5&key=a%2Fb").map_err(|_| ()).unwrap();
        assert_eq!((query.patient.as_deref(), query.limit, query.key.as_deref()), (Some("0001234"), 5, Some("a/b")));
        for bad in ["limit=0", "limit=x", "nobody=1", "before=-1"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
