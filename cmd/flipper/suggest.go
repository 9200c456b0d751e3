// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"github.com/flipper-go/flipper/internal/nearest"
	"github.com/flipper-go/flipper/internal/words"
)

// didYouMean returns a half-sentence with the names that are nearest to what was
// typed, or nothing if none is near.
func didYouMean(typed string, names []string) string {
	near := nearest.Names(typed, names)
	if len(near) == 0 {
		return ""
	}
	for i, name := range near {
		near[i] = words.Name(name)
	}
	return ": did you mean " + strings.Join(near, " or ") + "?"
}

// usualNames are the names that other programs have for commands, by the words of
// the command that they stand behind.
var usualNames = map[string]map[string]string{
	"flipper": {
		"add": "create", "make": "create", "new": "create",
		"activate": "enable", "on": "enable", "deactivate": "disable", "kill": "disable", "off": "disable",
		"delete": "destroy", "del": "destroy", "remove": "destroy", "rm": "destroy",
		"all": "list", "find": "list", "ls": "list", "search": "list",
		"cat": "get", "describe": "get", "info": "get", "read": "get", "show": "get", "status": "get", "view": "get",
		"check": "eval", "evaluate": "eval", "explain": "eval", "is-enabled": "eval", "test": "eval",
		"percentage": "rollout percentage", "ramp": "rollout ramp", "split": "rollout percentage", "rollouts": "rollout",
		"rules": "rule", "target": "rule", "targets": "rule", "targeting": "rule",
		"variants": "variant", "variation": "variant", "variations": "variant", "value": "variant", "values": "variant",
		"segments": "segment", "group": "segment", "groups": "segment", "audience": "segment", "cohort": "segment",
		"conditions": "condition", "migrate": "convert",
		"backup": "export", "dump": "export", "save": "export", "load": "import", "restore": "import",
		"follow": "watch", "tail": "watch",
		"run": "serve", "server": "serve", "start": "serve",
		"toggle": "enable or disable", "switch": "enable or disable",
	},
	"flipper data": {
		"add": "merge", "set": "merge", "update": "merge", "write": "merge",
		"cat": "show", "get": "show", "list": "show", "read": "show",
		"clear": "remove", "del": "remove", "delete": "remove", "destroy": "remove", "rm": "remove", "unset": "remove",
	},
	"flipper rule": {
		"create": "add", "insert": "add --at", "new": "add", "edit": "replace", "set": "replace", "update": "replace",
		"ls": "list", "get": "list", "show": "list", "swap": "move", "order": "move",
		"del": "remove", "delete": "remove", "destroy": "remove", "rm": "remove",
		"else": "default", "fallback": "default", "otherwise": "default",
	},
	"flipper variant": {
		"add": "set", "create": "set", "new": "set", "update": "set", "change": "set", "edit": "set",
		"ls": "list", "get": "list", "show": "list", "disabled": "off",
		"del": "remove", "delete": "remove", "destroy": "remove", "rm": "remove",
	},
	"flipper segment": {
		"new": "create", "make": "create", "ls": "list", "all": "list", "show": "get", "cat": "get",
		"include": "add", "set": "add", "exclude": "remove", "drop": "destroy", "del": "destroy", "delete": "destroy", "rm": "destroy",
	},
	"flipper condition": {
		"create": "add", "new": "add", "replace": "set", "update": "set",
		"del": "remove", "delete": "remove", "destroy": "remove", "rm": "remove",
		"reset": "clear",
	},
	"flipper rollout": {
		"fixed": "percentage", "percent": "percentage", "set": "percentage", "share": "percentage",
		"clear": "off", "del": "off", "delete": "off", "none": "off", "remove": "off", "rm": "off", "stop": "off",
		"split": "percentage",
	},
}
