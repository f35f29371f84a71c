//! The write-ahead note of a handover: from the moment that content is sent, a mail may arrive.

/// Notes on disk that the content of a mail goes out.
pub trait Handover: Sync {
    /// Called when the server waits for the content. False: it must not be sent.
    fn begin(&self) -> impl Future<Output = bool> + Send;

    /// Called when the server has explicitly refused the content, so that it did not arrive and a smaller form can be
    /// offered. False: nothing more may be sent.
    fn take_back(&self) -> impl Future<Output = bool> + Send;
}
