use super::document::{json, read};
use super::{Api, Call, Problem};
use crate::domain::{
    AccessChange, BrokenGlass, BucketName, ChangeVerdict, Directive, GlassFinding, GlassReason, ObjectKey, PatientId, PatientRule, Right,
};
use crate::oversight::GlassWish;
use crate::policy::PolicyText;
use bytes::Bytes;
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::json as value;
use std::time::Duration;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Glass {
    patient: PatientId,
    reason: GlassReason,
    text: String,
    seconds: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Review {
    finding: GlassFinding,
    #[serde(default)]
    note: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    wanted: Directive,
    #[serde(default)]
    why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Decision {
    verdict: ChangeVerdict,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    who: String,
    action: Right,
    bucket: String,
    key: Option<String>,
}

impl Api {
    /// `POST /-/v1/patients`: who cares for a patient. The patient stands in the body: addresses end up in many logs.
    pub(super) async fn set_patient(&self, call: &Call<'_>) -> Result<Response<Bytes>, Problem> {
        let rule: PatientRule = read(call.body)?;
        self.oversight.set_patient(&call.who, &call.around, rule).await?;
        Ok(json(StatusCode::OK, &value!({ "laid_down": true })))
    }

    /// `POST /-/v1/break-glass`.
    pub(super) async fn break_glass(&self, call: &Call<'_>) -> Result<Response<Bytes>, Problem> {
        let Glass { patient, reason, text, seconds } = read(call.body)?;
        let life = seconds.map(|seconds| Duration::from_secs(seconds.into()));
        let glass = self.oversight.break_glass(&call.who, &call.around, GlassWish { patient, reason, text, life }).await?;
        Ok(json(StatusCode::CREATED, &shown(&glass)))
    }

    /// `GET /-/v1/break-glass`: all of them, newest first.
    pub(super) async fn glasses(&self, call: &Call<'_>) -> Result<Response<Bytes>, Problem> {
        let all = self.oversight.glasses(&call.who, &call.around).await?;
        Ok(json(StatusCode::OK, &value!({ "break_glass": all.iter().map(shown).collect::<Vec<_>>() })))
    }

    /// `POST /-/v1/break-glass/{id}/review`.
    pub(super) async fn review_glass(&self, call: &Call<'_>, id: &str) -> Result<Response<Bytes>, Problem> {
        let Review { finding, note } = read(call.body)?;
        let glass = self.oversight.review_glass(&call.who, &call.around, id, (finding, note)).await?;
        Ok(json(StatusCode::OK, &shown(&glass)))
    }

    /// `POST /-/v1/access/changes`.
    pub(super) async fn request_change(&self, call: &Call<'_>) -> Result<Response<Bytes>, Problem> {
        let Change { wanted, why } = read(call.body)?;
        let change = self.oversight.request_change(&call.who, &call.around, (wanted, why)).await?;
        Ok(json(StatusCode::CREATED, &shown_change(&change)))
    }

    /// `GET /-/v1/access/changes`.
    pub(super) async fn changes(&self, call: &Call<'_>) -> Result<Response<Bytes>, Problem> {
        let all = self.oversight.changes(&call.who, &call.around).await?;
        Ok(json(StatusCode::OK, &value!({ "changes": all.iter().map(shown_change).collect::<Vec<_>>() })))
    }

    /// `POST /-/v1/access/changes/{id}/decision`.
    pub(super) async fn decide_change(&self, call: &Call<'_>, id: &str) -> Result<Response<Bytes>, Problem> {
        let Decision { verdict } = read(call.body)?;
        let change = self.oversight.decide_change(&call.who, &call.around, (id, verdict)).await?;
        Ok(json(StatusCode::OK, &shown_change(&change)))
    }

    /// `POST /-/v1/access/explain`: what somebody may do, which policies say so, and what is missing.
    pub(super) async fn explain(&self, call: &Call<'_>) -> Result<Response<Bytes>, Problem> {
        let Question { who, action, bucket, key } = read(call.body)?;
        let bucket = BucketName::parse(&bucket).map_err(|_| Problem::parameter("bucket"))?;
        let key = key.map(|key| ObjectKey::parse(&key)).transpose().map_err(|_| Problem::parameter("key"))?;
        let about = self.oversight.explain(&call.who, &call.around, &who, (action, &bucket, key.as_ref())).await?;
        let policies: Vec<_> = about.policies.iter().map(shown_policy).collect();
        let reason = about.refused.map(crate::policy::Reason::code);
        Ok(json(StatusCode::OK, &value!({ "allowed": reason.is_none(), "reason": reason, "policies": policies })))
    }

    /// `GET /-/v1/access/review`: what everybody may do with which kind of record.
    pub(super) async fn review(&self, call: &Call<'_>) -> Result<Response<Bytes>, Problem> {
        let rows = self.oversight.review(&call.who, &call.around).await?;
        let shown = |row: &crate::oversight::ReviewRow| {
            let who = &row.principal;
            let rights: Vec<_> = row.of.rights.iter().map(|right| right.name()).collect();
            value!({
                "principal": who.name, "kind": who.kind, "standing": who.standing, "job_types": who.profile.job_types,
                "bucket": row.bucket.as_str(), "class": row.of.class, "rights": rights,
            })
        };
        Ok(json(StatusCode::OK, &value!({ "rows": rows.iter().map(shown).collect::<Vec<_>>() })))
    }

    /// `GET /-/v1/access/policies`: every policy that holds for the tenant.
    pub(super) async fn policies(&self, call: &Call<'_>) -> Result<Response<Bytes>, Problem> {
        let all = self.oversight.policies(&call.who, &call.around).await?;
        let shown: Vec<_> = all.iter().map(shown_policy).collect();
        Ok(json(StatusCode::OK, &value!({ "policies": shown })))
    }
}

fn shown(glass: &BrokenGlass) -> serde_json::Value {
    let review = glass
        .review
        .as_ref()
        .map(|review| value!({ "by": review.by, "at": review.at.to_string(), "finding": review.finding, "note": review.note }));
    value!({
        "id": glass.id,
        "patient": glass.patient,
        "by": glass.by,
        "by_name": glass.by_name,
        "reason": glass.reason,
        "text": glass.text,
        "begun": glass.begun.to_string(),
        "until": glass.until.to_string(),
        "review": review,
    })
}

fn shown_policy(policy: &PolicyText) -> serde_json::Value {
    value!({ "id": policy.id, "file": policy.file, "guideline": policy.guideline, "text": policy.text })
}

fn shown_change(change: &AccessChange) -> serde_json::Value {
    let decided =
        change.decided.as_ref().map(|decision| value!({ "by": decision.by, "at": decision.at.to_string(), "verdict": decision.verdict }));
    value!({
        "id": change.id,
        "wanted": change.wanted,
        "by": change.by,
        "at": change.at.to_string(),
        "why": change.why,
        "decided": decided,
    })
}
