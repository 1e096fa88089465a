//! The properties of a run that something outside the machines can see, each with a name and a
//! sentence. A failure names the one that did not hold.
//!
//! It must not know how any of them is checked.

/// When a property is checked, and what that costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// At every event that can break it, in about constant time.
    Event,
    /// By looking at a whole machine, as often as the depth of checking says.
    Structural,
    /// Whenever nothing happens any more.
    Quiescence,
    /// Once, at the end of a run.
    End,
    /// By comparing several runs.
    Runs,
}

impl Cost {
    /// The letter that stands for it in tables.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Self::Event => 'E',
            Self::Structural => 'S',
            Self::Quiescence => 'Q',
            Self::End => 'X',
            Self::Runs => 'R',
        }
    }
}

macro_rules! properties {
    ($($variant:ident $id:literal $cost:ident $sentence:literal,)*) => {
        /// A property that every run has.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Property {
            $(#[doc = $sentence] $variant,)*
        }

        impl Property {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name: in failures, in file names, in `docs/simulation.md`.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self {
                    $(Self::$variant => $id,)*
                }
            }

            /// What holds, in a sentence.
            #[must_use]
            pub const fn sentence(self) -> &'static str {
                match self {
                    $(Self::$variant => $sentence,)*
                }
            }

            /// When it is checked.
            #[must_use]
            pub const fn cost(self) -> Cost {
                match self {
                    $(Self::$variant => Cost::$cost,)*
                }
            }
        }
    };
}

properties! {
    Value "s1-value" Event
        "Every value that a client sees is what plain evaluation of its graph gives.",
    Final "s2-final" Event
        "A future that failed stays failed, unless a client has it, or what made it fail, run again.",
    Blame "s3-blame" Event
        "Every failure has a cause in the plan, upstream of the future, and blames it.",
    Phantom "s4-phantom" Event
        "A client is told only of keys that it has submitted or taken.",
    Released "s5-released" Event
        "A client is told nothing of a key after the scheduler has heard its release.",
    Inputs "s6-inputs" Event
        "When a body starts, all its inputs are in the store of its worker.",
    Wanted "s7-wanted" Event
        "A task is given out only if a client wants it, or something that depends on it.",
    Executions "s8-executions" Event
        "A run executes at most once; without faults and releases, a task executes once and once more for each failure.",
    OneRun "s9-one-run" Event
        "At most one run of a task is valid at any time, and clients are told of no other.",
    RunIds "s10-run-ids" Event
        "Run ids grow.",
    Stale "s11-stale" Event
        "A report of a run that is over changes nothing; at most its value is freed.",
    Retries "s12-retries" Event
        "A task fails by its own error only after one failure more than it has retries.",
    Deaths "s13-deaths" Event
        "A task is blamed for deaths only after more deaths than allowed, each of a run that was announced and had started.",
    Scheduler "s15-scheduler" Structural
        "The scheduler's own invariants hold.",
    Worker "s16-worker" Structural
        "Each worker's own invariants hold.",
    Client "s16-client" Structural
        "Each client's own invariants hold.",
    Resources "s17-resources" Event
        "What tasks take of a worker is never more than it has.",
    Slots "s18-slots" Event
        "A worker executes no more bodies at a time than it has threads.",
    Restrictions "s21-restrictions" Event
        "A task is given only to workers that may run it, and to others than it names only while none of these is there.",
    Gone "s22-gone" Event
        "Nothing is addressed to a connection that is known to be over.",
    Priority "s23-priority" Event
        "Of the runs that are ready on a worker, the one of the highest priority starts first.",
    Determinism "s24-determinism" Runs
        "A second run of a case is the same, to the last event.",
    Gather "s28-gather" Event
        "What a worker is sent is the value that it asked for.",
    Scatter "s29-scatter" Event
        "Scattered data is lost only with the worker that held it, or with the client that had it, or if that called it off.",
    Isolation "s32-isolation" Event
        "What one client releases, calls off or leaves behind takes nothing from another one.",
    Cancelled "s33-cancelled" Event
        "What failed or was called off is not given out while somebody who was told so wants it.",
    Tables "s35-tables" End
        "When everything was released, every table of every machine is empty again.",
    Protocol "s36-protocol" Event
        "No machine takes another's message for a breach, and no driver is asked the impossible.",
    Bounded "s37-bounded" Event
        "Nobody asks for a value that it is being sent already.",
    Incarnation "s38-incarnation" Event
        "What is said on a connection that is over changes nothing.",
    Effort "s39-effort" Event
        "An event takes no more transitions than there are tasks and edges, a few times over.",
    Retire "s40-retire" Event
        "A worker is told to leave only when it has nothing to do, and nothing that nobody else holds.",
    Copies "s41-copies" Event
        "A worker is told to copy only what others hold and it does not.",
    Limits "s42-limits" Event
        "A body that has not ended when its time is over fails by that and nothing else, and no other one does.",
    Once "s43-once" Event
        "A run of a task that runs at most once is not followed by another one.",
    Forced "s44-forced" Event
        "Whoever waits for what is called off by force hears so at once.",
    Published "s45-published" Event
        "What is published is known by its name until it is unpublished, whoever goes.",
    Recalls "s46-recalls" Event
        "A worker is asked back only what it was given and has not ended, once a run, and answers at once.",
    Quota "s48-quota" Event
        "A client that wants as many tasks as it may makes no further one known, and is refused none before that.",
    Pauses "s49-pauses" Event
        "A worker that was too busy is asked again only after a pause, unless the session is another one.",
    Routes "s50-routes" Event
        "A client comes to a worker through the scheduler only for so long, and goes itself after that way has failed.",
    Ending "s47-ending" Event
        "The scheduler ends for want of work only after it had none, and heard no client, for as long as configured.",
    Full "s51-full" Event
        "A worker whose memory is full is given nothing, not even a copy, until it says otherwise.",
    Drops "s52-drops" Event
        "Of several copies of a value, one is dropped only if no task on its way needs it, and nobody is to copy that one.",
    Spilled "s53-spilled" Structural
        "What a worker holds is in its memory, on its disk, or both.",
    Memory "s54-memory" Structural
        "A worker has no more in memory than it may, while something there could leave it and the disk takes it.",
    Settles "l1-settles" Quiescence
        "When nothing happens any more, everything that is wanted has settled.",
    WakeUp "l2-wake-up" Quiescence
        "When nothing happens any more, nothing that could start is waiting.",
    Fresh "l4-fresh" Quiescence
        "After all faults, new work is done.",
    Forgotten "l5-forgotten" End
        "When everything was released, no task, value or future is left.",
    Holders "l6-holders" Quiescence
        "When nothing happens any more, the scheduler knows exactly the values that workers hold.",
    LiveLock "l7-live-lock" Event
        "A task is given out no more often than what happened explains, and runs end.",
    Timers "l9-timers" Quiescence
        "When nothing happens any more, no timer is due and no request is under way.",
    Patience "l10-patience" Event
        "Nobody is given up as away before the grace is over.",
    WorkersReturn "l12-workers-return" Event
        "Work that has lost every worker waits for one for as long as it is configured to.",
    Detached "l13-detached" Quiescence
        "When nothing happens any more, what was detached has come to its end, whoever went.",
    SameAgain "m1-same-again" Runs
        "A copy of the world, made at any event, goes on as the world does.",
    SameValues "m3-same-values" Runs
        "Neither faults, nor the number of workers, nor priorities, nor the order of submissions change a value.",
    MoreWorkers "m4-more-workers" Runs
        "One more worker makes nothing fail.",
    Codec "m5-codec" Runs
        "A run in which every message becomes bytes comes to the same.",
    Reference "m6-reference" Event
        "The scheduler agrees with a naive one about what is known, wanted, done, failed, and may run.",
    Panic "panic" Event
        "No assertion of a machine fails.",
    Canary "canary" Event
        "A planted alarm goes off in about one seed of a hundred.",
}

impl Property {
    /// Whether it says that something good happens in the end, rather than that nothing bad does.
    #[must_use]
    pub fn is_liveness(self) -> bool {
        self.id().starts_with('l')
    }
}
