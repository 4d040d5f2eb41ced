use bytes::Bytes;
use futures::future::BoxFuture;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Response, request::Parts};
use http_body::{Body, Frame, SizeHint};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

/// What every document begins with. White space may follow it, but not come before it.
const DECLARATION: &[u8] = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// Whether a request may take long and answers with a document, so that white space may go before the rest.
pub(super) fn may_take_long(parts: &Parts) -> bool {
    let completes = parts.method == Method::POST && parts.uri.query().is_some_and(|query| query.contains("uploadId="));
    completes || (parts.method == Method::PUT && parts.headers.contains_key("x-amz-copy-source"))
}

/// The answer, if it comes within `pause`. Else an answer that begins now, sends white space at every further
/// `pause`, and ends with the document; its status is 200 whatever comes, as S3 does it.
pub(super) async fn kept_alive(answer: BoxFuture<'static, Response<s3s::Body>>, pause: Duration) -> Response<s3s::Body> {
    let mut answer = answer;
    if let Ok(in_time) = timeout(pause, &mut answer).await {
        return in_time;
    }
    let mut beats = interval(pause);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let body = KeptAlive { answer: Some(answer), beats, has_begun: false };
    let mut response = Response::new(s3s::Body::http_body_unsync(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    response
}

struct KeptAlive {
    answer: Option<BoxFuture<'static, Response<s3s::Body>>>,
    beats: Interval,
    has_begun: bool,
}

impl Body for KeptAlive {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if !self.has_begun {
            self.has_begun = true;
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(DECLARATION)))));
        }
        let Some(answer) = &mut self.answer else { return Poll::Ready(None) };
        if let Poll::Ready(response) = answer.as_mut().poll(context) {
            self.answer = None;
            // Answers of the operations concerned are documents in memory.
            let document = response.into_body().bytes().unwrap_or_default();
            return Poll::Ready(Some(Ok(Frame::data(without_declaration(document)))));
        }
        self.beats.poll_tick(context).map(|_| Some(Ok(Frame::data(Bytes::from_static(b" ")))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

fn without_declaration(document: Bytes) -> Bytes {
    let begins = document.starts_with(b"<?xml");
    let end = document.windows(2).position(|pair| pair == b"?>").filter(|_| begins);
    end.map_or_else(|| document.clone(), |end| document.slice(end + 2..))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use http_body_util::BodyExt;

    fn document(after: Duration) -> BoxFuture<'static, Response<s3s::Body>> {
        async move {
            tokio::time::sleep(after).await;
            let mut response = Response::new(s3s::Body::from("<?xml version=\"1.0\"?><Done/>".to_owned()));
            *response.status_mut() = http::StatusCode::PRECONDITION_FAILED;
            response
        }
        .boxed()
    }

    #[tokio::test]
    async fn a_quick_answer_keeps_its_status() {
        let answer = kept_alive(document(Duration::ZERO), Duration::from_secs(5)).await;
        assert_eq!(answer.status(), http::StatusCode::PRECONDITION_FAILED);
    }

    #[tokio::test]
    async fn a_slow_answer_begins_with_white_space_after_the_declaration() {
        let answer = kept_alive(document(Duration::from_millis(120)), Duration::from_millis(30)).await;
        assert_eq!(answer.status(), http::StatusCode::OK);
        let text = answer.into_body().collect().await.unwrap().to_bytes();
        let text = std::str::from_utf8(&text).unwrap();
        let rest = text.strip_prefix(std::str::from_utf8(DECLARATION).unwrap()).unwrap();
        assert!(rest.starts_with(' ') && rest.trim_start() == "<Done/>", "{text}");
    }
}
