use super::document::{json, read};
use super::{Api, Call, Problem};
use crate::identity::Person;
use bytes::Bytes;
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::json as value;
use std::time::Duration;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    seconds: Option<u32>,
}

impl Api {
    /// `GET /-/v1/people`: everybody of the tenant.
    pub(super) async fn people(&self, call: &Call<'_>) -> Result<Response<Bytes>, Problem> {
        let all = self.oversight.people(&call.who, &call.around).await?;
        Ok(json(StatusCode::OK, &value!({ "people": all.iter().map(shown).collect::<Vec<_>>() })))
    }

    /// `POST /-/v1/people/{name}/credentials`: the only answer with a secret, given once.
    pub(super) async fn give_credential(&self, call: &Call<'_>, name: &str) -> Result<Response<Bytes>, Problem> {
        let Wish { seconds } = read(call.body)?;
        let life = seconds.map(|seconds| Duration::from_secs(seconds.into()));
        let (key, secret) = self.oversight.give_credential(&call.who, &call.around, (name, life)).await?;
        let expires = key.expires.map(|at| at.to_string());
        let document = value!({ "access_key": key.id, "secret_key": secret.as_str(), "expires": expires });
        Ok(json(StatusCode::CREATED, &document))
    }

    /// `POST /-/v1/people/{name}/disable`: shuts somebody out at once.
    pub(super) async fn shut_out(&self, call: &Call<'_>, name: &str) -> Result<Response<Bytes>, Problem> {
        self.oversight.shut_out(&call.who, &call.around, name).await?;
        Ok(json(StatusCode::OK, &value!({ "disabled": name })))
    }
}

fn shown(person: &Person) -> serde_json::Value {
    value!({
        "id": person.id.to_string(), "name": person.name, "kind": person.kind, "standing": person.standing,
        "created": person.created.to_string(), "profile": person.profile,
    })
}
