//! Fails a job that loses an executor, so that its client submits it again.
//!
//! Ballista 55 would continue, and run the lost executor's tasks again. But where the affected stage reads another one,
//! all of its tasks run again, and later stages read the rows of tasks that had already succeeded twice: tests found
//! counts that were too high. So no job succeeds that has lost an executor.

use std::sync::Arc;
use std::time::Duration;

use ballista_core::serde::protobuf::job_status::Status as JobState;
use ballista_core::serde::protobuf::scheduler_grpc_server::SchedulerGrpc;
use ballista_core::serde::protobuf::*;
use ballista_scheduler::cluster::ClusterState;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use tokio::sync::watch;
use tonic::{Request, Response, Status};

use super::members::Members;
use crate::engine::cluster::{EXECUTOR_LOST, NO_EXECUTOR};

/// How often the scheduler checks whether it has an executor.
const LOOK: Duration = Duration::from_secs(1);

/// A scheduler service that never lets a job succeed that has lost an executor.
pub struct WholeJobs<S> {
    scheduler: Arc<S>,
    members: Arc<Members>,
    /// How long a job waits without any executor before it fails.
    patience: Duration,
}

/// A job whose status is streamed to its client.
struct Watched<S: SchedulerGrpc> {
    news: BoxStream<'static, Result<GetJobStatusResult, Status>>,
    scheduler: Arc<S>,
    members: Arc<Members>,
    losses: watch::Receiver<u64>,
    patience: Duration,
    without_executor: Duration,
    job_id: String,
    is_over: bool,
}

impl<S: SchedulerGrpc> WholeJobs<S> {
    pub fn new(scheduler: S, members: Arc<Members>, patience: Duration) -> Self {
        Self {
            scheduler: Arc::new(scheduler),
            members,
            patience,
        }
    }
}

impl<S: SchedulerGrpc> Watched<S> {
    /// Waits for the next status for the client.
    async fn next(mut self) -> Result<Option<(GetJobStatusResult, Self)>, Status> {
        if self.is_over {
            return Ok(None);
        }
        loop {
            tokio::select! {
                biased;
                lost = self.losses.changed() => {
                    if lost.is_ok() {
                        return Ok(Some(self.given_up(EXECUTOR_LOST).await));
                    }
                }
                told = self.news.try_next() => {
                    let Some(told) = told? else { return Ok(None) };
                    return Ok(Some(self.passed_on(told).await));
                }
                () = tokio::time::sleep(LOOK) => {
                    let is_alone = self.members.registered_executor_metadata().await.is_empty();
                    self.without_executor = if is_alone { self.without_executor + LOOK } else { Duration::ZERO };
                    if self.without_executor > self.patience {
                        return Ok(Some(self.given_up(NO_EXECUTOR).await));
                    }
                }
            }
        }
    }

    async fn passed_on(mut self, told: GetJobStatusResult) -> (GetJobStatusResult, Self) {
        if let Some(status) = &told.status {
            self.job_id.clone_from(&status.job_id);
            let has_ended = matches!(status.status, Some(JobState::Successful(_) | JobState::Failed(_)));
            let is_successful = matches!(status.status, Some(JobState::Successful(_)));
            if is_successful && self.losses.has_changed().unwrap_or(true) {
                return self.given_up(EXECUTOR_LOST).await;
            }
            self.is_over = has_ended;
        }
        (told, self)
    }

    /// Cancels the job; the status tells the client the reason.
    async fn given_up(mut self, reason: &str) -> (GetJobStatusResult, Self) {
        self.is_over = true;
        if !self.job_id.is_empty() {
            let job_id = self.job_id.clone();
            if let Err(status) = self
                .scheduler
                .cancel_job(Request::new(CancelJobParams { job_id }))
                .await
            {
                tracing::warn!("a job could not be cancelled: {}", status.message());
            }
        }
        let status = JobStatus {
            job_id: self.job_id.clone(),
            status: Some(JobState::Failed(FailedJob {
                error: reason.to_owned(),
                ..FailedJob::default()
            })),
            ..JobStatus::default()
        };
        let told = GetJobStatusResult {
            status: Some(status),
            flight_proxy: None,
        };
        (told, self)
    }
}

#[tonic::async_trait]
impl<S: SchedulerGrpc> SchedulerGrpc for WholeJobs<S> {
    type ExecuteQueryPushStream = BoxStream<'static, Result<GetJobStatusResult, Status>>;

    async fn execute_query_push(
        &self,
        request: Request<ExecuteQueryParams>,
    ) -> Result<Response<Self::ExecuteQueryPushStream>, Status> {
        // Counted from before the job begins.
        let losses = self.members.losses();
        let answer = self.scheduler.execute_query_push(request).await?;
        let (head, news, extensions) = answer.into_parts();
        let watched = Watched {
            news: news.boxed(),
            scheduler: Arc::clone(&self.scheduler),
            members: Arc::clone(&self.members),
            losses,
            patience: self.patience,
            without_executor: Duration::ZERO,
            job_id: String::new(),
            is_over: false,
        };
        let news = futures::stream::try_unfold(watched, Watched::next).boxed();
        Ok(Response::from_parts(head, news, extensions))
    }

    /// Only the streaming call is supported: a client that polls would miss a loss.
    async fn execute_query(
        &self,
        _request: Request<ExecuteQueryParams>,
    ) -> Result<Response<ExecuteQueryResult>, Status> {
        Err(Status::unimplemented(
            "this scheduler takes plans of Pragati alone, and tells of them as they get on",
        ))
    }

    async fn poll_work(&self, request: Request<PollWorkParams>) -> Result<Response<PollWorkResult>, Status> {
        self.scheduler.poll_work(request).await
    }

    async fn register_executor(
        &self,
        request: Request<RegisterExecutorParams>,
    ) -> Result<Response<RegisterExecutorResult>, Status> {
        self.scheduler.register_executor(request).await
    }

    async fn heart_beat_from_executor(
        &self,
        request: Request<HeartBeatParams>,
    ) -> Result<Response<HeartBeatResult>, Status> {
        self.scheduler.heart_beat_from_executor(request).await
    }

    async fn update_task_status(
        &self,
        request: Request<UpdateTaskStatusParams>,
    ) -> Result<Response<UpdateTaskStatusResult>, Status> {
        self.scheduler.update_task_status(request).await
    }

    async fn create_update_session(
        &self,
        request: Request<CreateUpdateSessionParams>,
    ) -> Result<Response<CreateUpdateSessionResult>, Status> {
        self.scheduler.create_update_session(request).await
    }

    async fn remove_session(
        &self,
        request: Request<RemoveSessionParams>,
    ) -> Result<Response<RemoveSessionResult>, Status> {
        self.scheduler.remove_session(request).await
    }

    async fn get_job_status(
        &self,
        request: Request<GetJobStatusParams>,
    ) -> Result<Response<GetJobStatusResult>, Status> {
        self.scheduler.get_job_status(request).await
    }

    async fn get_job_metrics(
        &self,
        request: Request<GetJobMetricsParams>,
    ) -> Result<Response<GetJobMetricsResult>, Status> {
        self.scheduler.get_job_metrics(request).await
    }

    async fn executor_stopped(
        &self,
        request: Request<ExecutorStoppedParams>,
    ) -> Result<Response<ExecutorStoppedResult>, Status> {
        self.scheduler.executor_stopped(request).await
    }

    async fn cancel_job(&self, request: Request<CancelJobParams>) -> Result<Response<CancelJobResult>, Status> {
        self.scheduler.cancel_job(request).await
    }

    async fn clean_job_data(
        &self,
        request: Request<CleanJobDataParams>,
    ) -> Result<Response<CleanJobDataResult>, Status> {
        self.scheduler.clean_job_data(request).await
    }
}
