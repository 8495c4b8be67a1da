package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kelpdb/kelp/deploy/image"
)

// container is an image's files, and the directories that are mounted in it.
type container struct {
	root, memory, data string
	config             v1.Image
}

// containerVariable says to the test's own program that it is to enter a container: its
// value is the root, the memory and the data directory, with colons between.
const containerVariable = "KELP_E2E_CONTAINER"

// TestMain is the way into a container where it is asked for, else the tests.
func TestMain(m *testing.M) {
	if dirs := strings.Split(os.Getenv(containerVariable), ":"); len(dirs) == 3 {
		fmt.Fprintln(os.Stderr, "cannot enter the container:", enter(dirs[0], dirs[1], dirs[2], os.Args[1:]))
		os.Exit(125)
	}
	os.Exit(m.Run())
}

// enter runs a command as a container runtime does with a read-only root: in mounts of
// its own, which the process was started with, /proc among them, and without a
// privilege. It returns only with an error.
func enter(root, memory, data string, command []string) error {
	runtime.LockOSThread() // of which the parent's death is asked
	for _, m := range []struct {
		from, to string
		flags    uintptr
	}{
		{"", "/", unix.MS_REC | unix.MS_PRIVATE},
		{root, root, unix.MS_BIND},
		{memory, root + "/mnt/kelp", unix.MS_BIND},
		{data, root + "/var/lib/kelp", unix.MS_BIND},
		{"/proc", root + "/proc", unix.MS_BIND | unix.MS_REC},
		{"", root, unix.MS_REMOUNT | unix.MS_BIND | unix.MS_RDONLY},
	} {
		if err := unix.Mount(m.from, m.to, "", m.flags, ""); err != nil {
			return fmt.Errorf("mount %q on %q: %w", m.from, m.to, err)
		}
	}
	if err := errors.Join(syscall.Chroot(root), syscall.Chdir("/"), syscall.Setgroups(nil), syscall.Setgid(image.User), syscall.Setuid(image.User)); err != nil {
		return err
	}
	if err := errors.Join(unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0, 0, 0)); err != nil {
		return err
	}
	return syscall.Exec(command[0], command, []string{"KELP_DATA=/var/lib/kelp"})
}

// newContainer builds the image of the binary and unpacks it.
func newContainer(t *testing.T) *container {
	t.Helper()
	if os.Getuid() != 0 {
		if os.Getenv("KELP_TEST_STRICT") == "1" {
			t.Fatal("KELP_TEST_STRICT=1, and mounts of one's own and another user take root; run the tests as root")
		}
		t.Skip("mounts of one's own and another user take root; run the tests as root")
	}
	program, err := os.ReadFile(binary(t))
	if err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	if err := image.Write(&archive, image.Config{Binary: program, Name: "kelp:test"}); err != nil {
		t.Fatal(err)
	}
	c := &container{root: t.TempDir(), memory: shmDir(t), data: t.TempDir()}
	for _, dir := range []string{c.memory, c.data} {
		if err := os.Chown(dir, image.User, image.User); err != nil {
			t.Fatal(err)
		}
	}
	c.unpack(t, &archive)
	if err := os.Mkdir(filepath.Join(c.root, "proc"), 0o755); err != nil { // a runtime's doing
		t.Fatal(err)
	}
	return c
}

// unpack puts the layers of an archive into the root, and reads the configuration.
func (c *container) unpack(t *testing.T, archive io.Reader) {
	t.Helper()
	files := map[string][]byte{}
	each(t, archive, func(h *tar.Header, text []byte) { files[h.Name] = text })
	read := func(name string, into any) {
		t.Helper()
		if err := json.Unmarshal(files[name], into); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	blob := func(d v1.Descriptor) string { return "blobs/sha256/" + d.Digest.Encoded() }
	var index v1.Index
	var manifest v1.Manifest
	read("index.json", &index)
	read(blob(index.Manifests[0]), &manifest)
	read(blob(manifest.Config), &c.config)
	for _, layer := range manifest.Layers {
		plain, err := gzip.NewReader(bytes.NewReader(files[blob(layer)]))
		if err != nil {
			t.Fatal(err)
		}
		each(t, plain, func(h *tar.Header, text []byte) {
			path := filepath.Join(c.root, h.Name)
			if h.Typeflag == tar.TypeDir {
				err = os.Mkdir(path, h.FileInfo().Mode().Perm())
			} else {
				err = os.WriteFile(path, text, h.FileInfo().Mode().Perm())
			}
			if err == nil {
				err = os.Chown(path, h.Uid, h.Gid)
			}
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// each calls take with every file of a tar.
func each(t *testing.T, archive io.Reader, take func(*tar.Header, []byte)) {
	t.Helper()
	for r := tar.NewReader(archive); ; {
		h, err := r.Next()
		if err == io.EOF {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		take(h, text)
	}
}

// launch starts kelp with args in the container, and does not wait for it.
func (c *container) launch(t *testing.T, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	env := containerVariable + "=" + c.root + ":" + c.memory + ":" + c.data
	return launchIn(t, self, []string{env}, &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}, append(c.config.Config.Entrypoint, args...)...)
}

// run runs kelp in the container to its end, and returns what it says on stderr.
func (c *container) run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	p := c.launch(t, args...)
	<-p.done
	return p.log.String(), p.err
}

// TestImage: the image's program serves as an unprivileged user in a read-only root; its
// memory outlives it, killed or stopped; and its probe says what it should.
func TestImage(t *testing.T) {
	c := newContainer(t)
	serve := func() *process {
		p := c.launch(t, "serve", "--listen", "127.0.0.1:0", "--memory", "64MiB", "--memory-dir", "/mnt/kelp/serve")
		t.Cleanup(p.kill)
		if err := p.awaitReady(); err != nil {
			t.Fatal(err)
		}
		return p
	}
	server := serve()
	for _, args := range [][]string{{"ready"}, {"ready", "--alive"}} {
		if out, err := c.run(t, append(args, "--server", server.http)...); err != nil {
			t.Errorf("%v: %v %s", args, err, out)
		}
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", server.cmd.Process.Pid))
	for _, want := range []string{fmt.Sprintf("Uid:\t%d\t%[1]d\t%[1]d\t%[1]d\n", image.User), "CapEff:\t0000000000000000\n", "NoNewPrivs:\t1\n"} {
		if err != nil || !strings.Contains(string(status), want) {
			t.Errorf("%v: the server's status lacks %q:\n%s", err, want, status)
		}
	}
	if out, err := c.run(t, "print", "k8s", "--into", "/"); err == nil || !strings.Contains(out, "read-only file system") {
		t.Errorf("the root can be written to: %v %s", err, out)
	}
	server.ingest("t", bytes.Repeat([]byte(`{"a":1}`+"\n"), 1000))
	server.kill()
	if _, err := c.run(t, "ready", "--server", server.http); err == nil {
		t.Error("the probe of a dead server succeeds")
	}
	server = serve()
	if n := server.query("SELECT count() FROM t").number(t); n != 1000 {
		t.Errorf("%d rows after kill -9, want 1000", n)
	}
	server.terminate()
	if n := serve().query("SELECT count() FROM t").number(t); n != 1000 {
		t.Errorf("%d rows after SIGTERM, want 1000", n)
	}
}
