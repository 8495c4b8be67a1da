package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kelpdb/kelp/deploy/image"
)

func main() {
	var cfg image.Config
	binary := flag.String("kelp", "bin/kelp", "the static binary")
	out := flag.String("out", "bin/kelp-image.tar", "the archive to write")
	flag.StringVar(&cfg.Name, "name", "kelp:latest", "what the image is called when it is loaded")
	flag.StringVar(&cfg.Version, "version", "", "the version to note")
	flag.Parse()
	if err := write(cfg, *binary, *out); err != nil {
		fmt.Fprintln(os.Stderr, "kelpimage:", err)
		os.Exit(1)
	}
	fmt.Printf("%s; load it with `docker load -i %s` or `podman load -i %s`\n", *out, *out, *out)
}

// write puts the archive in place when it is whole.
func write(cfg image.Config, binary, out string) (err error) {
	if cfg.Binary, err = os.ReadFile(binary); err != nil {
		return fmt.Errorf("%w; run `make build` first", err)
	}
	f, err := os.CreateTemp(filepath.Dir(out), ".kelp-image-")
	if err != nil {
		return fmt.Errorf("cannot write the image: %w", err)
	}
	defer os.Remove(f.Name()) // it has another name if all went well
	err = image.Write(f, cfg)
	if err == nil {
		err = f.Chmod(0o644) // for those who load it as another user
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), out)
}
