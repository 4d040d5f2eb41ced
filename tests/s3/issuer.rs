//! An identity provider on this machine: discovery, keys that change, and tokens of any kind.

use http::Response;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

/// The provider.
pub(crate) struct Issuer {
    pub(crate) url: String,
    keys: Arc<Mutex<Vec<Value>>>,
    signing: Mutex<(String, EncodingKey)>,
    pub(crate) asked: Arc<Mutex<u32>>,
}

fn new_key(kid: &str) -> (EncodingKey, Value) {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let key = EncodingKey::from_ec_der(&pair.serialize_der());
    let mut public = Jwk::from_encoding_key(&key, Algorithm::ES256).unwrap();
    public.common.key_id = Some(kid.to_owned());
    (key, serde_json::to_value(public).unwrap())
}

impl Issuer {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (key, public) = new_key("one");
        let keys = Arc::new(Mutex::new(vec![json!({ "kty": "unheard-of" }), public]));
        let asked = Arc::new(Mutex::new(0));
        let (served, counted, issuer) = (Arc::clone(&keys), Arc::clone(&asked), url.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (keys, asked, issuer) = (Arc::clone(&served), Arc::clone(&counted), issuer.clone());
                let answer = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                    let document = match request.uri().path() {
                        "/keys" => {
                            *asked.lock().unwrap() += 1;
                            json!({ "keys": *keys.lock().unwrap() })
                        }
                        _ => json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/keys") }),
                    };
                    async move { Ok::<_, std::convert::Infallible>(Response::new(Full::new(bytes::Bytes::from(document.to_string())))) }
                });
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
        Self { url, keys, signing: Mutex::new(("one".to_owned(), key)), asked }
    }

    /// From now on another key signs; the old one is not good any more.
    pub(crate) fn rotate(&self) {
        let (key, public) = new_key("two");
        *self.keys.lock().unwrap() = vec![public];
        *self.signing.lock().unwrap() = ("two".to_owned(), key);
    }

    /// Claims of a physician, with what `more` says otherwise; `null` leaves a claim out.
    pub(crate) fn claims(&self, more: &Value) -> Value {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let mut claims = json!({
            "iss": self.url, "sub": "u-100", "aud": "hozon", "exp": now + 600, "iat": now, "preferred_username": "sato",
            "name": "佐藤", "job_type": ["physician"], "department": "surgery", "amr": ["pwd"],
        });
        for (name, value) in more.as_object().unwrap() {
            match value {
                Value::Null => claims.as_object_mut().unwrap().remove(name),
                value => claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
            };
        }
        claims
    }

    /// A token with these claims.
    pub(crate) fn token(&self, more: &Value) -> String {
        let signing = self.signing.lock().unwrap();
        let header = Header { kid: Some(signing.0.clone()), ..Header::new(Algorithm::ES256) };
        encode(&header, &self.claims(more), &signing.1).unwrap()
    }

    /// A token with these claims that a stranger has signed under the name of the provider's key.
    pub(crate) fn forged(&self, more: &Value) -> String {
        let (key, _) = new_key("one");
        let header = Header { kid: Some("one".to_owned()), ..Header::new(Algorithm::ES256) };
        encode(&header, &self.claims(more), &key).unwrap()
    }
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}
