package deploy

import (
	"embed"
	"fmt"
	"path"
	"strings"
)

// files are the folders of the kinds. The image's recipe is for building, not for
// printing.
//
//go:embed systemd compose k8s
var files embed.FS

// File is one file of a kind.
type File struct {
	Name string // without a folder
	Text []byte // the caller's own
}

// Kinds lists the ways to run kelp.
func Kinds() []string { return []string{"systemd", "compose", "k8s"} }

// Files lists the files of a kind by name. The error is that there is no such kind.
func Files(kind string) ([]File, error) {
	entries, err := files.ReadDir(kind)
	if err != nil || strings.Contains(kind, "/") || kind == "." {
		return nil, fmt.Errorf("nothing is called %q; there are %s", kind, strings.Join(Kinds(), ", "))
	}
	list := make([]File, 0, len(entries))
	for _, e := range entries {
		text, err := files.ReadFile(path.Join(kind, e.Name()))
		if err != nil {
			panic("BUG: an embedded file cannot be read: " + err.Error())
		}
		list = append(list, File{e.Name(), text})
	}
	return list, nil
}
