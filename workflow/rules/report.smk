# The joined findings, figures, the report, and the report on what is there so far.

from odyssey.runs.products import figure_names

FIGURES = figure_names(STUDY.tasks)
CAPTIONS = WORKFLOW / "report"
CAPTION_FILES = [str(path) for path in sorted(CAPTIONS.glob("*.rst"))]


FINDINGS = {
    "trials": expand(f"{RESULTS}/{{task}}/trials.csv", task=STUDY.tasks),
    "fanova": expand(f"{RESULTS}/fanova/{{task}}.json", task=STUDY.tasks),
    "comparison": expand(f"{RESULTS}/comparison/{{task}}.json", task=STUDY.tasks),
    "paper": expand(f"{RESULTS}/paper/{{task}}.json", task=STUDY.tasks),
}


rule join_findings:
    """Join what each task gave, one file of each kind."""
    input:
        **FINDINGS,
    output:
        f"{RESULTS}/trials.csv",
        f"{RESULTS}/fanova.json",
        f"{RESULTS}/comparison.json",
        f"{RESULTS}/paper.json",
    log:
        f"{LOGS}/join_findings.log",
    conda:
        "../envs/odyssey.yaml"
    message:
        "Joining the findings of all tasks"
    script:
        "../../scripts/join_findings.py"


rule plot_figure:
    """Draw one figure as vectors and as pixels."""
    input:
        **FINDINGS,
    output:
        svg=report(
            f"{RESULTS}/figures/{{figure}}.svg",
            caption="../report/caption.rst",
            category="Figures",
            labels={"figure": "{figure}"},
        ),
        png=f"{RESULTS}/figures/{{figure}}.png",
    log:
        f"{LOGS}/plot_figure/{{figure}}.log",
    wildcard_constraints:
        figure="|".join(FIGURES),
    conda:
        "../envs/odyssey.yaml"
    params:
        # figure6-jsb is of the kind figure6
        caption=lambda wildcards: Path(
            CAPTIONS, f"{wildcards.figure.partition('-')[0]}.rst"
        ).read_text(encoding="utf-8"),
    message:
        "Drawing {wildcards.figure}"
    script:
        "../../scripts/plot_figure.py"


rule report:
    """Write the report: one page with everything in it."""
    input:
        **FINDINGS,
        curves=expand(f"{RESULTS}/{{task}}/curves.csv", task=STUDY.tasks),
        data=[STUDY.data_path(task) for task in STUDY.tasks],
        figures=expand(f"{RESULTS}/figures/{{figure}}.svg", figure=FIGURES),
        captions=CAPTION_FILES,
    output:
        f"{RESULTS}/report.html",
    log:
        f"{LOGS}/report.log",
    conda:
        "../envs/odyssey.yaml"
    message:
        "Writing {output}"
    script:
        "../../scripts/report.py"


rule report_task:
    """Write the report of one task, before the others are done; nothing asks for it by itself."""
    input:
        trials=f"{RESULTS}/{{task}}/trials.csv",
        curves=f"{RESULTS}/{{task}}/curves.csv",
        fanova=f"{RESULTS}/fanova/{{task}}.json",
        comparison=f"{RESULTS}/comparison/{{task}}.json",
        paper=f"{RESULTS}/paper/{{task}}.json",
        data=STUDY.data_path("{task}"),
        captions=CAPTION_FILES,
    output:
        f"{RESULTS}/{{task}}/report.html",
    log:
        f"{LOGS}/report_task/{{task}}.log",
    conda:
        "../envs/odyssey.yaml"
    message:
        "Writing {output}"
    script:
        "../../scripts/report_task.py"


rule partial_report:
    """Report on the trials that are finished so far, also beside a running study.

    Without declared outputs it runs whenever it is asked for, and touches none of the study's.
    """
    input:
        captions=CAPTION_FILES,
    log:
        f"{LOGS}/partial_report.log",
    localrule: True
    conda:
        "../envs/odyssey.yaml"
    threads: STUDY.threads_per_job
    params:
        out=f"{RESULTS}/partial/report.html",
    message:
        "Reporting on the trials so far: {params.out}"
    script:
        "../../scripts/partial_report.py"
