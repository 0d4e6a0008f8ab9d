//! The one trait that a plugin implements.

use crate::link::is_of_link;
use crate::*;

/// A plugin. Only [`init`](Plugin::init) has no default; implement the methods of the roles that
/// [`plugin!`](crate::plugin!) names.
///
/// Calls come one at a time. A plugin with the `source` role runs as one instance that lives until it is
/// replaced, so it may keep whatever it likes in `self`. A plugin without it may run as several instances that
/// the host drops at will: keep nothing in `self` but what `init` can make again.
///
/// "Block" below means a host call that suspends the plugin: `http::fetch` and `commands::run`. Nothing else
/// waits. A call that takes longer than `limits.call-timeout` (5 s), or more than `limits.call-time` (100 ms)
/// of processor time, is ended as a crash.
pub trait Plugin: Sized + 'static {
    /// The configuration, in the author's type; [`NoConfig`] for none.
    type Config: serde::de::DeserializeOwned;

    /// Starts: set timers, open sockets, take over what the instance before left. Called once per instance;
    /// may block within `limits.init-timeout` (5 s). What it returns on failure decides what comes next, see
    /// [`Failure`].
    ///
    /// # Errors
    /// The plugin can't start.
    fn init(start: &mut Start, config: Self::Config) -> Result<Self, Failure>;

    /// The configuration changed. `Ok(false)`, the default: start a new instance with it instead, with the state
    /// that `save` gives. Rare; may block.
    ///
    /// # Errors
    /// The configuration can't work: it is refused and the old one stays in force.
    fn reconfigure(&mut self, config: Self::Config) -> Result<bool, Failure> {
        let _ = config;
        Ok(false)
    }

    /// What the next instance should know. Called between two inputs before a replacement, and now and then;
    /// must change nothing, as this instance may run on. Must not block.
    ///
    /// # Errors
    /// The state can't be told: the next instance starts without.
    fn save(&self) -> Result<Option<State>, HostError> {
        Ok(None)
    }

    /// The last call. Sockets and timers are closed by the host, whatever happens here. Must not block.
    fn stop(&mut self) {}

    /// `source`: all inputs of a batch, in their order. The default hands each to the method of its sort: a timer
    /// to [`on_timer`](Plugin::on_timer), the lines of a followed file to [`on_lines`](Plugin::on_lines), and
    /// everything else to [`on_input`](Plugin::on_input).
    ///
    /// # Errors
    /// The plugin can't go on.
    fn on_inputs(&mut self, inputs: Vec<Input>) -> Result<(), Failure> {
        inputs.into_iter().try_for_each(|input| match input {
            // A link's own timer is for the link, which the plugin asks in `on_input`.
            Input::Timer((id, tag)) if !is_of_link(&tag) => self.on_timer(id, &tag),
            Input::FileLines(lines) => self.on_lines(lines),
            other => self.on_input(other),
        })
    }

    /// `source`: one input that has no method of its own: what sockets, [`Link`](crate::Link)s and HTTP requests
    /// bring, and changed files. May block, and then later inputs wait. The default drops it.
    ///
    /// # Errors
    /// The plugin can't go on.
    fn on_input(&mut self, input: Input) -> Result<(), Failure> {
        let _ = input;
        Ok(())
    }

    /// `source`: a timer ran out. Called as often as the timers tick; ticks that come while the plugin is busy
    /// become one. The default hands it to [`on_input`](Plugin::on_input).
    ///
    /// # Errors
    /// The plugin can't go on.
    fn on_timer(&mut self, id: TimerId, tag: &str) -> Result<(), Failure> {
        self.on_input(Input::Timer((id, tag.to_owned())))
    }

    /// `source`: lines that were appended to a followed file. The default hands them to
    /// [`on_input`](Plugin::on_input).
    ///
    /// # Errors
    /// The plugin can't go on.
    fn on_lines(&mut self, lines: Lines) -> Result<(), Failure> {
        self.on_input(Input::FileLines(lines))
    }

    /// `subscriber`: events that others published and the manifest's `subscribe` asks for. In batches, in the
    /// order of `seq`; a batch is dropped and counted where the plugin can't keep up. May block.
    ///
    /// # Errors
    /// The plugin can't go on.
    fn on_events(&mut self, events: Vec<Published>) -> Result<(), Failure> {
        let _ = events;
        Ok(())
    }

    /// `handler`: a client's message of a type that the manifest lists. Once per message; may block, but the
    /// client waits.
    ///
    /// # Errors
    /// Tells the client why not.
    fn handle(&mut self, client: Client, request: Request) -> Result<Answer, Rejection> {
        let _ = client;
        Err(Rejection::NotFound(format!(
            "no handler for {}",
            request.kind
        )))
    }

    /// `routes`: an HTTP request below the path that the operator mounts. Once per request; may block, but the
    /// client waits.
    fn serve(&mut self, call: HttpCall) -> HttpAnswer {
        let _ = call;
        HttpReply::text(404, "not found").into()
    }

    /// `dialect`: a client connected. Once per connection; must not block, as all that follow must not.
    fn on_open(&mut self, client: DialectClient) -> Vec<Action> {
        let _ = client;
        Vec::new()
    }

    /// `dialect`: a client's text frame. Once per frame.
    fn on_text(&mut self, client: DialectClient, text: String) -> Vec<Action> {
        let _ = (client, text);
        Vec::new()
    }

    /// `dialect`: the handler's answer to an [`Action::Call`]. Once per call.
    fn on_reply(
        &mut self,
        client: DialectClient,
        kind: String,
        outcome: Result<String, CallError>,
    ) -> Vec<Action> {
        let _ = (client, kind, outcome);
        Vec::new()
    }

    /// `dialect`: what came of an [`Action::Authenticate`]. Once per action.
    fn on_authenticated(
        &mut self,
        client: DialectClient,
        outcome: Result<Identity, String>,
    ) -> Vec<Action> {
        let _ = (client, outcome);
        Vec::new()
    }

    /// `dialect`: each event as the dialect's messages: one list per event, in the same order; none, one or
    /// several messages each. Once per event for all clients together.
    fn encode(&mut self, events: Vec<Published>) -> Vec<Vec<String>> {
        events.iter().map(|_| Vec::new()).collect()
    }

    /// `dialect`: the texts that all clients get at the configured interval, one frame each; none by default.
    fn heartbeat(&mut self, stats: GatewayStats) -> Vec<String> {
        let _ = stats;
        Vec::new()
    }
}
