//! Notes a handover before it starts (write-ahead): once any content has been sent, the mail may arrive.

/// Records durably that the content of a mail is about to be sent.
pub trait Handover: Sync {
    /// Called when the server waits for the content. False: it must not be sent.
    fn begin(&self) -> impl Future<Output = bool> + Send;

    /// Called when the server has explicitly refused the content, so that it did not arrive and a smaller form can be
    /// offered. False: nothing more may be sent.
    fn take_back(&self) -> impl Future<Output = bool> + Send;
}
