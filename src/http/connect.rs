//! Notes when a request's connection stood, which is what separates "never sent" from "perhaps sent".

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

tokio::task_local! {
    // The once-client has no pool, so it connects in the task that sends; what is spawned elsewhere notes nothing.
    static CONNECTED: Arc<AtomicBool>;
}

/// Runs `send` and gives with its result whether a connection (TLS included) stood by then.
pub(super) async fn watch<F: Future>(connected: &Arc<AtomicBool>, send: F) -> F::Output {
    CONNECTED.scope(Arc::clone(connected), send).await
}

/// Wraps a connector so that it notes success.
#[derive(Debug, Clone, Copy)]
pub(super) struct NoteLayer;

/// A connector that notes success.
#[derive(Debug, Clone)]
pub(super) struct Note<S>(S);

impl<S> Layer<S> for NoteLayer {
    type Service = Note<S>;

    fn layer(&self, inner: S) -> Note<S> {
        Note(inner)
    }
}

impl<S, R> Service<R> for Note<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let connecting = self.0.call(request);
        Box::pin(async move {
            let connection = connecting.await?;
            let _ = CONNECTED.try_with(|connected| connected.store(true, Ordering::SeqCst));
            Ok(connection)
        })
    }
}
