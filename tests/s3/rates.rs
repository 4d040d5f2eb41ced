//! How many requests whom is allowed, and that nobody uses up the rate of another.

use crate::gateway::{Ask, Gateway, Person, Told};
use crate::signing::{Key, sha256, stamp};
use bytes::Bytes;
use hozon::domain::{AnswerInMemory, Peer, Right, Wire};
use hozon::engine::Events;
use hozon::s3::{Pace, RateSettings};
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper::service::Service;
use std::num::NonZeroU32;

/// One comes back each second, so that a test asks a few times more than the burst.
fn pace(burst: u32) -> Option<Pace> {
    let one = NonZeroU32::new(1).unwrap();
    Some(Pace { per_second: one, burst: one.saturating_add(burst - 1) })
}

async fn from(gateway: &Gateway, address: &str, key: &Key) -> Told {
    let mut request = Ask::get("/").request();
    request.extensions.insert(Peer { address: format!("{address}:1").parse().unwrap(), wire: Wire::Tls13 });
    key.sign(&mut request, &sha256(b""), &stamp(0));
    gateway.send(request, Vec::new()).await
}

async fn with_two() -> (Gateway, Person, Person) {
    let (gateway, app) = Gateway::with_app().await;
    let other = gateway.person(app.tenant, "other", &[("*", &[Right::List])]).await;
    (gateway, app, other)
}

fn is_slowed(told: &Told) -> bool {
    let is_slowed = told.code() == "SlowDown";
    assert_eq!(is_slowed, told.status == StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(is_slowed, told.header("retry-after").is_some());
    is_slowed
}

/// Asks until it is told to slow down, which must be soon.
macro_rules! slowed_soon {
    ($ask:expr) => {{
        let mut asked = 0;
        while !is_slowed(&$ask.await) {
            asked += 1;
            assert!(asked < 20, "never slowed down: {}", stringify!($ask));
        }
    }};
}

#[tokio::test]
async fn a_principal_beyond_its_rate_waits_wherever_it_comes_from_and_others_do_not() {
    let (gateway, app, other) = with_two().await;
    gateway.rates.replace(RateSettings { principal: pace(3), unproven: None });
    let (second, secret) = gateway
        .people
        .add_access_key(gateway.people.new_access_key(app.tenant, "app", None).await.unwrap(), Events::default())
        .await
        .unwrap();
    let second = Key { access: second.id, secret: secret.as_str().to_owned() };
    for (address, key) in [("192.0.2.1", &app.key), ("192.0.2.2", &app.key), ("192.0.2.3", &second)] {
        from(&gateway, address, key).await.good();
    }
    slowed_soon!(from(&gateway, "192.0.2.4", &app.key));
    slowed_soon!(from(&gateway, "192.0.2.5", &second));
    from(&gateway, "192.0.2.1", &other.key).await.good();
    // The gateway's own paths count as well, and so does what S3 has and hozon has not.
    for path in ["/-/v1/audit/events", "/files/k?torrent"] {
        slowed_soon!(gateway.ask(&app, &Ask::get(path)));
    }
    gateway.rates.replace(RateSettings::default());
    gateway.ask(&app, &Ask::get("/")).await.good();
}

#[tokio::test]
async fn who_merely_names_an_access_key_uses_up_its_own_address_and_nothing_of_the_key() {
    let (gateway, app, _) = with_two().await;
    gateway.rates.replace(RateSettings { principal: pace(2), unproven: pace(3) });
    let forged = Key { secret: "wrong".repeat(8), ..app.key.clone() };
    for _ in 0..3 {
        assert_eq!(from(&gateway, "192.0.2.1", &forged).await.code(), "SignatureDoesNotMatch");
    }
    slowed_soon!(from(&gateway, "192.0.2.1", &forged));
    // Even behind the same address the app itself is served, and has all of its rate.
    from(&gateway, "192.0.2.1", &app.key).await.good();
    from(&gateway, "192.0.2.1", &app.key).await.good();
    slowed_soon!(from(&gateway, "192.0.2.1", &app.key));
    // Another address is another stranger.
    assert_eq!(from(&gateway, "192.0.2.2", &forged).await.code(), "SignatureDoesNotMatch");
}

/// The listener gives the turn of such an answer back before the client takes it.
#[tokio::test]
async fn a_refusal_is_told_to_occupy_nothing_and_a_record_is_not() {
    let (gateway, app, _) = with_two().await;
    gateway.ask(&app, &Ask::put("/files", "")).await.good();
    gateway.ask(&app, &Ask::put("/files/k", vec![7; 100_000])).await.good();
    let answered = |parts| gateway.endpoint.call(Request::from_parts(parts, Full::new(Bytes::new())));
    let refused = answered(Ask::get("/").request()).await.unwrap();
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    assert!(refused.extensions().get::<AnswerInMemory>().is_some());
    let mut request = Ask::get("/files/k").request();
    app.key.sign(&mut request, &sha256(b""), &stamp(0));
    let record = answered(request).await.unwrap();
    assert_eq!(record.status(), StatusCode::OK);
    assert!(record.extensions().get::<AnswerInMemory>().is_none());
}
