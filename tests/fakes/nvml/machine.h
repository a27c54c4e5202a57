/* The state of the fake machine: one file, mapped by every process that opens the library.
 *
 * The file plays the part of the driver: what is in it outlives the processes, as a clock lock does.
 * `state.py` mirrors these structures field by field, and `magic` and `size` tell when it no longer does.
 * Everything below `machine.h` is reached with the machine locked (see machine.c).
 */
#ifndef FAKE_NVML_MACHINE_H
#define FAKE_NVML_MACHINE_H

#include <stdint.h>

#define MAGIC 0x4c4d564e6b614602ull
#define GPUS 8
#define MEMORY_CLOCKS 4
#define CORE_CLOCKS 256
#define CLIENTS 32
#define FAULTS 16

enum capability {
    CAN_LOCK_CORE = 1 << 0,
    CAN_LOCK_MEMORY = 1 << 1,
    CAN_SET_APPLICATION_CLOCKS = 1 << 2,
    HAS_ENERGY_COUNTER = 1 << 3,
    HAS_POWER_USAGE = 1 << 4,
    HAS_POWER_INSTANT = 1 << 5,
    HAS_POWER_AVERAGE = 1 << 6,
    HAS_POWER_OF_MODULE = 1 << 7,
    HAS_MIG = 1 << 8,
    POWER_USAGE_IS_AVERAGE = 1 << 9,
};

/* A call that answers `code` from its `after`-th use on, or hangs. */
#define HANGS (-1)

struct fault {
    char symbol[64];
    int32_t code;
    uint32_t after;
};

/* A process that has the library open; alive as long as it holds the lock of its own file. */
struct client {
    uint32_t used;
    int32_t pid;
    double busy;
};

struct gpu {
    /* What it is: written once. Clock lists descend, as the real library's do. */
    char name[96];
    char uuid[80];
    char bus_id[32];
    uint32_t architecture;
    uint32_t pci_device_id;
    uint32_t capabilities;
    uint32_t memory_count;
    uint32_t memory_mhz[MEMORY_CLOCKS];
    uint32_t core_count[MEMORY_CLOCKS];
    uint32_t core_mhz[MEMORY_CLOCKS][CORE_CLOCKS];
    uint32_t default_core_mhz;
    uint32_t idle_core_mhz;
    uint32_t idle_memory_mhz;
    uint32_t unused;
    /* watts = idle + idle_per_ghz f + memory_per_ghz m + utilisation (busy_per_ghz f + busy_cubic f^3) */
    double idle_w;
    double idle_w_per_ghz;
    double memory_w_per_ghz;
    double busy_w_per_ghz;
    double busy_w_cubic;
    double settle_s;
    double counter_period_s;

    /* What the world does to it: written by tests, together with `changed_ns`. */
    double limit_w;
    double utilisation;
    double temperature_c;
    uint32_t thermal_mhz;  /* 0: no ceiling */
    uint32_t hardware_mhz; /* 0: no ceiling */
    uint32_t persistence;
    uint32_t mig;
    uint32_t mps_processes;
    uint32_t lost;
    int64_t calls_until_lost; /* negative: never */
    uint64_t revived_in;      /* clients of an older generation cannot reach it */
    uint64_t changed_ns;      /* when a test first wrote since the driver looked; 0: it did not */

    /* What the driver holds. 0: not set. */
    uint32_t lock_min_mhz;
    uint32_t lock_max_mhz;
    uint32_t memory_lock_min_mhz;
    uint32_t memory_lock_max_mhz;
    uint32_t application_core_mhz;
    uint32_t application_memory_mhz;

    /* What it does now. */
    uint64_t evaluated_ns;
    uint64_t goal_ns; /* when the clock reaches its goal */
    uint32_t core_now_mhz;
    uint32_t goal_mhz;
    uint32_t memory_now_mhz;
    uint32_t unused_too;
    uint64_t reasons;
    uint64_t tick;
    double drawn_w;
    double average_w;
    double energy_j;
    double counter_j;
};

struct machine {
    uint64_t magic;
    uint64_t size;
    uint32_t gpu_count;
    uint32_t privileged;
    uint64_t generation;
    uint64_t calls;
    uint64_t time_ns; /* 0: the machine's own clock; else a test moves the time */
    char driver_version[80];
    struct fault faults[FAULTS];
    struct client clients[CLIENTS];
    struct gpu gpus[GPUS];
};

extern struct machine *machine;

uint64_t now_ns(void);
int machine_open(void);        /* 0, or the NVML code of what is wrong */
void machine_close(void);      /* the last client's end unloads the driver where persistence is off */
void machine_lock(void);
void machine_unlock(void);
int machine_allows_changes(void);
uint64_t machine_generation(void); /* the one this process opened */
void machine_journal(const char *call, uint32_t gpu, uint32_t first, uint32_t second, int code);

void gpu_advance(struct gpu *gpu);   /* bring clocks, watts and joules up to now */
void gpu_reconsider(struct gpu *gpu); /* the driver's settings changed now */
double gpu_utilisation(const struct gpu *gpu);
int gpu_lists_memory(const struct gpu *gpu, uint32_t memory_mhz); /* its place in the list, or -1 */
uint32_t gpu_top_memory(const struct gpu *gpu);

#endif
