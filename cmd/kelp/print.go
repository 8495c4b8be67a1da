package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kelpdb/kelp/deploy"
)

// printCmd prints the files of deploy/, so that a binary alone can install itself.
type printCmd struct {
	Kind string `arg:"" help:"${enum}." enum:"systemd,compose,k8s" placeholder:"KIND"`
	File string `arg:"" optional:"" help:"One of its files; without it all of them, one after the other."`
	Into string `help:"Write the files into this directory instead of printing them; it must be there, and none is written over." type:"existingdir" placeholder:"DIR"`
}

// Run prints the files, or writes them.
func (cmd *printCmd) Run(c *console) error {
	files, err := deploy.Files(cmd.Kind)
	if err != nil {
		return usageError{err}
	}
	if cmd.File != "" {
		if files, err = only(files, cmd.File); err != nil {
			return usageError{err}
		}
	}
	for _, f := range files {
		if err := cmd.put(c, f); err != nil {
			return err
		}
	}
	return nil
}

// only is the file of that name.
func only(files []deploy.File, name string) ([]deploy.File, error) {
	names := make([]string, len(files))
	for i, f := range files {
		if names[i] = f.Name; f.Name == name {
			return files[i : i+1], nil
		}
	}
	return nil, fmt.Errorf("no file is called %q; there are %s", name, strings.Join(names, ", "))
}

// put prints one file, or writes it and says so. Each begins with a comment that
// says where it belongs, so that printed one after the other they can be told apart.
func (cmd *printCmd) put(c *console, f deploy.File) error {
	if cmd.Into == "" {
		_, err := c.stdout.Write(f.Text)
		return err
	}
	path := filepath.Join(cmd.Into, f.Name)
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("cannot write %q: %w (move an older one away first)", path, rootOf(err))
	}
	_, err = out.Write(f.Text)
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("cannot write %q: %w", path, rootOf(err))
	}
	_, err = fmt.Fprintln(c.stdout, path)
	return err
}
