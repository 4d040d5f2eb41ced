use super::failure::Failure;
use super::operator::Client;
use super::output::Output;
use crate::admin::wire::Readiness;

/// Shows what the running gateway depends on, and fails where it cannot serve.
pub(super) async fn run(operator: &Client, output: Output) -> Result<(), Failure> {
    let readiness: Readiness = operator.get("/readyz").await?;
    output.many(&readiness.dependencies, &["name", "ready", "problem"])?;
    if readiness.ready {
        return Ok(());
    }
    Err(Failure::wrong("the gateway cannot serve").advise("mend what is not ready; the gateway needs no restart"))
}
