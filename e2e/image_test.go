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
	"os/exec"
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
	var on unix.Statfs_t
	if err := unix.Statfs(root, &on); err != nil {
		return err
	}
	kept := uintptr(on.Flags) & (unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC) // those may not be taken away
	for _, m := range []struct {
		from, to string
		flags    uintptr
	}{
		{"", "/", unix.MS_REC | unix.MS_PRIVATE},
		{root, root, unix.MS_BIND},
		{memory, root + "/mnt/kelp", unix.MS_BIND},
		{data, root + "/var/lib/kelp", unix.MS_BIND},
		{"/proc", root + "/proc", unix.MS_BIND | unix.MS_REC},
		{"", root, unix.MS_REMOUNT | unix.MS_BIND | unix.MS_RDONLY | kept},
	} {
		if err := unix.Mount(m.from, m.to, "", m.flags, ""); err != nil {
			return fmt.Errorf("mount %q on %q: %w", m.from, m.to, err)
		}
	}
	if err := errors.Join(syscall.Chroot(root), syscall.Chdir("/")); err != nil {
		return err
	}
	if os.Getuid() == 0 {
		if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(image.User), syscall.Setuid(image.User)); err != nil {
			return err
		}
	} else if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
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
	probe := exec.Command("/proc/self/exe", "-test.run", "^$")
	probe.SysProcAttr = namespaces()
	if out, err := probe.CombinedOutput(); err != nil {
		why := fmt.Sprintf("no mounts of one's own can be had (%v %s); run the tests as root, or allow user namespaces", err, out)
		if os.Getenv("KELP_TEST_STRICT") == "1" {
			t.Fatal("KELP_TEST_STRICT=1 and " + why)
		}
		t.Skip(why)
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
		c.own(t, dir, image.User)
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
			if err != nil {
				t.Fatal(err)
			}
			c.own(t, path, h.Uid)
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

// own gives a file of the container to a user. Who is not root owns them all, and is
// every user of the container.
func (c *container) own(t *testing.T, path string, user int) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	if err := os.Chown(path, user, user); err != nil {
		t.Fatal(err)
	}
}

// namespaces is how the container's process is made: with mounts of its own. Who is not
// root gets them in a namespace of users, as rootless runtimes do it, with what it takes
// to mount there.
func namespaces() *syscall.SysProcAttr {
	if os.Getuid() == 0 {
		return &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	}
	return &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: image.User, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: image.User, HostID: os.Getgid(), Size: 1}},
		AmbientCaps: []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SYS_CHROOT},
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
	return launchIn(t, self, []string{env}, namespaces(), append(c.config.Config.Entrypoint, args...)...)
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
	user := image.User
	if uid := os.Getuid(); uid != 0 {
		user = uid // as it is seen from here
	}
	for _, want := range []string{fmt.Sprintf("Uid:\t%d\t%[1]d\t%[1]d\t%[1]d\n", user), "CapEff:\t0000000000000000\n", "NoNewPrivs:\t1\n"} {
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
