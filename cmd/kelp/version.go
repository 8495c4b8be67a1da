package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// version is stamped by the linker (see the Makefile); a plain `go build`
// leaves it empty. It is never assigned.
var version string

// release is the version this source is on the way to.
const release = "0.1.0"

type versionCmd struct{}

func (v *versionCmd) Run(c *console) error {
	_, err := fmt.Fprintf(c.stdout, "kelp %s %s %s/%s\n", buildVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// buildVersion returns the stamped version, else the release with the commit
// the toolchain noted, else the release alone.
func buildVersion() string {
	if version != "" {
		return strings.TrimPrefix(version, "v")
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return release
	}
	commit, modified := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && len(s.Value) >= 7:
			commit = "-" + s.Value[:7]
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = "-dirty"
		}
	}
	return release + commit + modified
}
