//! Declarations outside the code: routes, samples, and permissions.

use super::{Case, Dialect};
use crate::permissions::check_role;
use crate::samples::check_samples;
use crate::{Answer, contract, event};

/// The code, the OpenAPI document, the template, and the local router have the same routes.
///
/// # Panics
///
/// If they differ.
pub async fn code_document_template_and_local_router_have_the_same_routes<D: Dialect>() {
    contract::check_routes(D::NAME, D::ROUTES);
}

/// Each sample event succeeds, and each operation has one.
///
/// # Panics
///
/// If a sample fails, or an operation has no sample.
pub async fn every_operation_succeeds_with_a_sample<D: Dialect>() {
    check_samples(D::NAME, D::ROUTES, &[], async |latchkey, request| {
        D::over(latchkey).handle(request).await.status.as_u16()
    })
    .await;
}

/// The function's role allows exactly what the function does.
///
/// # Panics
///
/// If it allows more or less.
pub async fn the_function_may_do_what_it_does<D: Dialect>(cases: Vec<Case>) {
    check_role(D::NAME, cases, async |latchkey, event| {
        let dialect = D::over(latchkey.clone());
        let answer = Answer::from(dialect.handle(event::parse(event)).await);
        assert!(answer.status < 500, "{}", answer.text);
    })
    .await;
}
