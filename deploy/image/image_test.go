package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"debug/elf"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// program is a small static program, as far as its header says.
func program(t *testing.T) []byte {
	t.Helper()
	text := make([]byte, 64)
	copy(text, elf.ELFMAG)
	text[elf.EI_CLASS], text[elf.EI_DATA], text[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)
	text[16], text[18], text[20] = byte(elf.ET_EXEC), byte(elf.EM_X86_64), byte(elf.EV_CURRENT)
	text[52], text[54], text[58] = 64, 56, 64 // sizes of the headers
	return text
}

// TestWrite: every blob is what its name says, the index leads to the manifest, that to
// the configuration, which asks for no privilege; the same binary gives the same bytes.
func TestWrite(t *testing.T) {
	var out, again bytes.Buffer
	cfg := Config{Binary: program(t), Version: "1.2.3", Name: "kelp:test"}
	for _, w := range []io.Writer{&out, &again} {
		if err := Write(w, cfg); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(out.Bytes(), again.Bytes()) {
		t.Error("two images of one binary differ")
	}
	files := map[string][]byte{}
	for r := tar.NewReader(&out); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if files[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		if sum, ok := strings.CutPrefix(h.Name, "blobs/sha256/"); ok && digest.FromBytes(files[h.Name]).Encoded() != sum {
			t.Errorf("%s is not what its name says", h.Name)
		}
	}
	read := func(d v1.Descriptor, into any) {
		t.Helper()
		text := files["blobs/sha256/"+d.Digest.Encoded()]
		if int64(len(text)) != d.Size || d.Digest.Validate() != nil {
			t.Fatalf("%s has %d bytes, want %d", d.Digest, len(text), d.Size)
		}
		if err := json.Unmarshal(text, into); err != nil {
			t.Fatal(err)
		}
	}
	var index v1.Index
	if err := json.Unmarshal(files["index.json"], &index); err != nil || len(index.Manifests) != 1 {
		t.Fatalf("%v: %s", err, files["index.json"])
	}
	top := index.Manifests[0]
	if top.Annotations[v1.AnnotationRefName] != "kelp:test" || top.Annotations[v1.AnnotationVersion] != "1.2.3" || top.Platform.Architecture != "amd64" {
		t.Errorf("the index says %+v", top)
	}
	var manifest v1.Manifest
	read(top, &manifest)
	var image v1.Image
	read(manifest.Config, &image)
	if image.Config.User != "65532:65532" || image.OS != "linux" || image.Config.Entrypoint[0] != "/kelp" || len(image.RootFS.DiffIDs) != len(manifest.Layers) {
		t.Errorf("the configuration is %+v", image)
	}
	packed, err := gzip.NewReader(bytes.NewReader(files["blobs/sha256/"+manifest.Layers[0].Digest.Encoded()]))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := io.ReadAll(packed); err != nil || digest.FromBytes(plain) != image.RootFS.DiffIDs[0] || !bytes.Contains(plain, cfg.Binary) {
		t.Errorf("the layer does not unpack to what the configuration says: %v", err)
	}
	if string(files["oci-layout"]) != `{"imageLayoutVersion":"1.0.0"}` {
		t.Errorf("oci-layout is %s", files["oci-layout"])
	}
}

// TestRefused: what would not run alone is refused with what to do.
func TestRefused(t *testing.T) {
	f := func(want string, binary []byte) {
		t.Helper()
		if err := Write(io.Discard, Config{Binary: binary}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	f("no Linux program", []byte("#!/bin/sh\n"))
	mips := program(t)
	mips[18] = byte(elf.EM_MIPS)
	f("amd64 and arm64", mips)
	dynamic := append(program(t), make([]byte, 56)...)
	dynamic[32], dynamic[56], dynamic[64] = 64, 1, byte(elf.PT_INTERP) // one program header, behind the first
	f("CGO_ENABLED=0", dynamic)
	cut := program(t)
	f("no Linux program", cut[:40])
}
