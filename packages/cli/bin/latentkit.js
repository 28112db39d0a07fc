#!/usr/bin/env node
// Committed, so that a package manager can link it before the first build.
import "../dist/main.js";
