package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// User is whom the image runs as: nobody whom a machine knows.
const User = 65532

// Config is what an image is built from.
type Config struct {
	Binary  []byte // a static Linux program
	Version string
	Name    string // as kelp:latest
}

// machines are the architectures that kelp is built for, by their ELF names.
func machines() map[elf.Machine]string {
	return map[elf.Machine]string{elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64"}
}

// Write writes the archive. The error is that the binary would not run alone, or w's.
func Write(w io.Writer, cfg Config) error {
	arch, err := check(cfg.Binary)
	if err != nil {
		return err
	}
	layer, whole, err := layer(cfg.Binary)
	if err != nil {
		return err
	}
	var blobs blobs
	diff := digest.NewDigestFromEncoded(digest.SHA256, hex.EncodeToString(whole[:]))
	created := time.Unix(0, 0).UTC()
	image := v1.Image{
		Created:  &created,
		Platform: v1.Platform{Architecture: arch, OS: "linux"},
		RootFS:   v1.RootFS{Type: "layers", DiffIDs: []digest.Digest{diff}},
		Config: v1.ImageConfig{
			User: fmt.Sprintf("%d:%d", User, User), Entrypoint: []string{"/kelp"}, Cmd: []string{"serve"},
			Env: []string{"KELP_DATA=/var/lib/kelp"}, WorkingDir: "/var/lib/kelp", StopSignal: "SIGTERM",
		},
	}
	manifest := v1.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageManifest,
		Layers: []v1.Descriptor{blobs.add(v1.MediaTypeImageLayerGzip, layer)}}
	if manifest.Config, err = blobs.addJSON(v1.MediaTypeImageConfig, image); err != nil {
		return err
	}
	top, err := blobs.addJSON(v1.MediaTypeImageManifest, manifest)
	if err != nil {
		return err
	}
	top.Platform = &image.Platform
	top.Annotations = map[string]string{v1.AnnotationRefName: cfg.Name, v1.AnnotationVersion: cfg.Version,
		v1.AnnotationTitle: "kelp", v1.AnnotationLicenses: "Apache-2.0"}
	index := v1.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: v1.MediaTypeImageIndex, Manifests: []v1.Descriptor{top}}
	return archive(w, index, blobs)
}

// check refuses what is no static program, and says for which machine it is.
func check(binary []byte) (arch string, err error) {
	f, err := elf.NewFile(bytes.NewReader(binary))
	if err != nil {
		return "", fmt.Errorf("the binary is no Linux program: %w", err)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return "", errors.New("the binary needs libraries, and the image has none; build it with CGO_ENABLED=0, as `make build` does")
		}
	}
	arch = machines()[f.Machine]
	if arch == "" {
		return "", fmt.Errorf("the binary is for %v; images are made for amd64 and arm64", f.Machine)
	}
	return arch, nil
}

// layer is the files of the image, gzipped, and the checksum of what is unpacked.
func layer(binary []byte) (packed []byte, whole [sha256.Size]byte, err error) {
	var out, plain bytes.Buffer
	files := tar.NewWriter(&plain)
	for _, h := range []tar.Header{
		{Name: "kelp", Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(binary))},
		{Name: "mnt/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "mnt/kelp/", Typeflag: tar.TypeDir, Mode: 0o700, Uid: User, Gid: User},
		{Name: "var/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "var/lib/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "var/lib/kelp/", Typeflag: tar.TypeDir, Mode: 0o700, Uid: User, Gid: User},
	} {
		text := []byte(nil)
		if h.Typeflag == tar.TypeReg {
			text = binary
		}
		if err := put(files, h, text); err != nil {
			return nil, whole, err
		}
	}
	if err := files.Close(); err != nil {
		return nil, whole, err
	}
	gz := gzip.NewWriter(&out)
	_, err = gz.Write(plain.Bytes())
	err = errors.Join(err, gz.Close()) // before what came out is looked at
	return out.Bytes(), sha256.Sum256(plain.Bytes()), err
}

// put adds a file to a tar.
func put(w *tar.Writer, h tar.Header, text []byte) error {
	h.ModTime, h.Format = time.Unix(0, 0), tar.FormatUSTAR
	if err := w.WriteHeader(&h); err != nil {
		return fmt.Errorf("cannot pack %s: %w", h.Name, err)
	}
	if _, err := w.Write(text); err != nil {
		return fmt.Errorf("cannot pack %s: %w", h.Name, err)
	}
	return nil
}

// blobs are the parts of an image, which their checksums name.
type blobs []blob

type blob struct {
	sum  digest.Digest
	text []byte
}

func (b *blobs) add(mediaType string, text []byte) v1.Descriptor {
	sum := digest.FromBytes(text)
	*b = append(*b, blob{sum, text})
	return v1.Descriptor{MediaType: mediaType, Digest: sum, Size: int64(len(text))}
}

func (b *blobs) addJSON(mediaType string, v any) (v1.Descriptor, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("cannot write %s: %w", mediaType, err)
	}
	return b.add(mediaType, text), nil
}

// archive writes the layout.
func archive(w io.Writer, index v1.Index, parts blobs) error {
	files := tar.NewWriter(w)
	layout, err := json.Marshal(v1.ImageLayout{Version: v1.ImageLayoutVersion})
	if err != nil {
		return err
	}
	head, err := json.Marshal(index)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		text []byte
	}{{v1.ImageLayoutFile, layout}, {v1.ImageIndexFile, head}} {
		if err := put(files, tar.Header{Name: f.name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(f.text))}, f.text); err != nil {
			return err
		}
	}
	for _, b := range parts {
		h := tar.Header{Name: v1.ImageBlobsDir + "/" + string(b.sum.Algorithm()) + "/" + b.sum.Encoded(), Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(b.text))}
		if err := put(files, h, b.text); err != nil {
			return err
		}
	}
	return files.Close()
}
