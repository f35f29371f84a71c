//! The moment from which a mail may arrive, which is noted before it comes.

/// Notes on disk that the content of a mail goes out.
pub trait Handover: Sync {
    /// The server waits for the content. False: it must not go out.
    fn begin(&self) -> impl Future<Output = bool> + Send;

    /// The server refused that content in so many words, so that it has not arrived, and another form of the mail is to
    /// be offered. False: nothing more may go out.
    fn take_back(&self) -> impl Future<Output = bool> + Send;
}
