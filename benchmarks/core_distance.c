/* How long a number takes from one processor core to another and back, halved.

   Cores that share a cache take 25 to 50 ns; cores of two packages or core complexes, which virtual
   machines mix, several times as long, and then small loops on two threads may not pay.

       cc -O2 -pthread benchmarks/core_distance.c -o core_distance && ./core_distance        */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 100000 };

static atomic_int turn;

static void stay_on(int core) {
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(core, &cores);
    if (pthread_setaffinity_np(pthread_self(), sizeof cores, &cores)) {
        fprintf(stderr, "Core %d is not there, or not allowed to this process: give it cores 0 and 1.\n", core);
        exit(1);
    }
}

static void *answer(void *unused) {
    stay_on(1);
    for (int round = 0; round < ROUNDS; round++) {
        while (turn != 2 * round + 1) continue;
        turn = 2 * round + 2;
    }
    return unused;
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + 1e-9 * now.tv_nsec;
}

int main(void) {
    pthread_t other;
    stay_on(0);
    if (pthread_create(&other, NULL, answer, NULL)) return 1;
    double start = 0;
    for (int round = 0; round < ROUNDS; round++) {
        if (round == ROUNDS / 10) start = seconds(); /* by then the other thread has arrived */
        turn = 2 * round + 1;
        while (turn != 2 * round + 2) continue;
    }
    double passed = seconds() - start;
    pthread_join(other, NULL);
    printf("%.0f ns from core 0 to core 1\n", 1e9 * passed / (2 * (ROUNDS - ROUNDS / 10)));
    return 0;
}
