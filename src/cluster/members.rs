//! The executors of a cluster, with a count of lost ones.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ballista_core::JobId;
use ballista_core::error::Result;
use ballista_core::serde::protobuf::ExecutorHeartbeat;
use ballista_core::serde::scheduler::{ExecutorData, ExecutorMetadata};
use ballista_scheduler::cluster::memory::InMemoryClusterState;
use ballista_scheduler::cluster::{BoundTask, ClusterState, ClusterStateEventStream, ExecutorSlot};
use ballista_scheduler::config::TaskDistributionPolicy;
use ballista_scheduler::state::task_manager::JobInfoCache;
use tokio::sync::watch;

/// Ballista's own state of executors, extended by a count of losses.
pub struct Members {
    record: InMemoryClusterState,
    losses: watch::Sender<u64>,
}

impl Members {
    pub fn new() -> Self {
        Self {
            record: InMemoryClusterState::default(),
            losses: watch::Sender::new(0),
        }
    }

    /// How many executors were lost or have left so far.
    pub fn losses(&self) -> watch::Receiver<u64> {
        self.losses.subscribe()
    }
}

#[async_trait::async_trait]
impl ClusterState for Members {
    async fn init(&self) -> Result<()> {
        self.record.init().await
    }

    async fn bind_schedulable_tasks(
        &self,
        distribution: TaskDistributionPolicy,
        active_jobs: Arc<HashMap<JobId, JobInfoCache>>,
        executors: Option<HashSet<String>>,
    ) -> Result<Vec<BoundTask>> {
        self.record
            .bind_schedulable_tasks(distribution, active_jobs, executors)
            .await
    }

    async fn unbind_tasks(&self, executor_slots: Vec<ExecutorSlot>) -> Result<()> {
        self.record.unbind_tasks(executor_slots).await
    }

    async fn register_executor(&self, metadata: ExecutorMetadata, spec: ExecutorData) -> Result<()> {
        self.record.register_executor(metadata, spec).await
    }

    async fn save_executor_metadata(&self, metadata: ExecutorMetadata) -> Result<()> {
        self.record.save_executor_metadata(metadata).await
    }

    async fn get_executor_metadata(&self, executor_id: &str) -> Result<ExecutorMetadata> {
        self.record.get_executor_metadata(executor_id).await
    }

    async fn registered_executor_metadata(&self) -> Vec<ExecutorMetadata> {
        self.record.registered_executor_metadata().await
    }

    async fn save_executor_heartbeat(&self, heartbeat: ExecutorHeartbeat) -> Result<()> {
        self.record.save_executor_heartbeat(heartbeat).await
    }

    /// Counted before anything else, so that no job succeeds that the loss may affect.
    async fn remove_executor(&self, executor_id: &str) -> Result<()> {
        if self.record.get_executor_metadata(executor_id).await.is_ok() {
            self.losses.send_modify(|losses| *losses += 1);
        }
        self.record.remove_executor(executor_id).await
    }

    fn executor_heartbeats(&self) -> HashMap<String, ExecutorHeartbeat> {
        self.record.executor_heartbeats()
    }

    fn get_executor_heartbeat(&self, executor_id: &str) -> Option<ExecutorHeartbeat> {
        self.record.get_executor_heartbeat(executor_id)
    }

    async fn cluster_state_events(&self) -> Result<ClusterStateEventStream> {
        self.record.cluster_state_events().await
    }
}
