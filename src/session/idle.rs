//! Workspaces and results that nobody needs any longer → memory for the next calls of a loss.

use std::sync::{Arc, Mutex, Weak};

use super::result::Evaluation;
use super::workspace::Workspace;

/// What calls without a workspace of the caller's have worked in; shared by a loss and its clones.
///
/// Calls at once do not wait for each other: one that finds it locked or empty works in new memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Idle(Arc<Mutex<Vec<Workspace>>>);

impl Idle {
    /// A workspace for one call.
    pub(super) fn take(&self) -> Workspace {
        self.0.try_lock().ok().and_then(|mut idle| idle.pop()).unwrap_or_default()
    }

    /// The result of the call, and the workspace for the next one.
    pub(super) fn put(&self, mut workspace: Workspace) -> Evaluation {
        let mut evaluation = workspace.take_evaluation();
        evaluation.home = Home(Arc::downgrade(&self.0));
        if let Ok(mut idle) = self.0.try_lock() {
            idle.push(workspace);
        }
        evaluation
    }
}

/// Where the memory of a result goes when it is dropped: to the loss that has made it, if that is still there.
#[derive(Clone, Debug, Default)]
pub(super) struct Home(Weak<Mutex<Vec<Workspace>>>);

/// Where results come from makes no difference between them.
impl PartialEq for Home {
    fn eq(&self, _: &Home) -> bool {
        true
    }
}

impl Home {
    /// Gives the tensors that nobody else holds to a workspace that has none. There are as many workspaces as there were
    /// calls at once, so that no more is kept, however many results were.
    pub(super) fn give_back(&self, evaluation: &mut Evaluation) {
        let Some(home) = self.0.upgrade() else { return };
        let Ok(mut idle) = home.try_lock() else { return };
        // The last is the first to be used again.
        if let Some(workspace) = idle.iter_mut().rev().find(|workspace| !workspace.has_results()) {
            workspace.take_back(evaluation);
        }
    }
}
