//! Automations, scenes and services.

use crate::Object;

record! {
    /// What set an automation off.
    Trigger {
        /// `state`, `time`, `event`, ….
        #[serde(rename = "type")]
        kind: String,
        ?
        /// The value that did it.
        value: serde_json::Value,
    }
}

record! {
    /// A rule ran.
    AutomationTriggered {
        /// The source system's id.
        rule_id: String,
        /// What people call it.
        rule_name: String,
        /// What set it off.
        trigger: Trigger,
        ?
        /// How many of its actions ran.
        actions_executed: u32,
        /// Whether all of them worked.
        success: bool,
    }
}

record! {
    /// A scene was set.
    SceneActivated {
        /// The source system's id.
        scene_id: String,
        ?
        /// What people call it.
        name: String,
    }
}

record! {
    /// Something asked the automation system to act.
    ServiceCalled {
        /// `light`, `media_player`, ….
        domain: String,
        /// `turn_on`, ….
        service: String,
        /// Its arguments.
        service_data: Object,
        ?
        /// The entity it was called for.
        entity_id: String,
    }
}

kinds! {
    AutomationTriggered = "automation.triggered", None, |d, _| ["automation", &d.rule_id];
    SceneActivated = "scene.activated", None, |d, _| ["scene", &d.scene_id];
    ServiceCalled = "service.called", None, |d, _| ["service", &d.domain, &d.service];
}
