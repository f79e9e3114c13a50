/* Delays every write to InnoDB's redo log (ib_logfile0) by REDO_DELAY_US: a commit is then visible to other connections for that
   long before it is on disk, and a kill in between loses it. Preloaded into mariadbd by tests. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static void wait_if_redo(int fd) {
  static long delay_us = -1;
  char link[64], path[512];
  if (delay_us < 0) delay_us = getenv("REDO_DELAY_US") ? atol(getenv("REDO_DELAY_US")) : 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return;
  path[length] = 0;
  if (strstr(path, "ib_logfile")) usleep(delay_us);
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
  wait_if_redo(fd);
  return NEXT(pwrite)(fd, bytes, count, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
  wait_if_redo(fd);
  return NEXT(pwrite64)(fd, bytes, count, offset);
}

ssize_t write(int fd, const void *bytes, size_t count) {
  wait_if_redo(fd);
  return NEXT(write)(fd, bytes, count);
}
