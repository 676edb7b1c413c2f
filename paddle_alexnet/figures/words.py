"""The words of figures and of the report, in English and Chinese."""

from collections.abc import Mapping

Words = Mapping[str, str]

ENGLISH: Words = {
    "accuracy": "accuracy",
    "best": "best val top-1",
    "calibrated": "perfectly calibrated",
    "calibration": "Calibration",
    "calibration_error": "expected calibration error",
    "class": "class",
    "classes": "By class",
    "commit": "commit",
    "confusion": "Confusion matrix",
    "curves": "Curves",
    "difference": "difference",
    "differences": "Differences",
    "differences_note": (
        "Of val top-1, in percentage points, from the first group. The 95 % interval is by "
        "Student's t: of pairs of the same seed, or by Welch where the groups share none. Where "
        "seeds draw their own val images it is widened, as training sets overlap (Nadeau and "
        "Bengio 2003). An interval that holds 0 decides nothing."
    ),
    "epoch": "epoch",
    "epochs": "epochs",
    "filters": "Filters of the first layer",
    "groups": "Groups of runs",
    "groups_note": (
        "Runs that differ in nothing but their seed are a group. Best: the epoch with the highest "
        "val top-1, which is optimistic, as val chose it; last: the last epoch. Mean ± standard "
        "deviation over the seeds."
    ),
    "images": "images",
    "interval": "95 % interval",
    "last": "last val top-1",
    "loss": "loss (nats)",
    "machine": "machine",
    "mean": "mean",
    "mean_of_classes": "mean of classes",
    "mean_score": "mean score",
    "mistakes": "Worst mistakes",
    "neighbors": "Val images and the training images nearest in features (Euclidean distance)",
    "no_images": "Not shown, as the images of this run cannot be read",
    "pairs": "pairs",
    "predicted": "predicted",
    "right": "right",
    "run": "run",
    "runs": "Runs",
    "score": "score of the predicted class",
    "score_bars": "Val images with their best scores (red: the true class)",
    "seed": "seed",
    "settings": "Settings that differ",
    "title": "Training report",
    "top1": "top-1",
    "train": "train",
    "true": "true",
    "unpaired": "unpaired",
    "val": "val",
    "val_images": "val images, of the weights with the best val top-1",
}
CHINESE: Words = {
    "accuracy": "准确率",
    "best": "最佳验证 top-1",
    "calibrated": "完全校准",
    "calibration": "校准",
    "calibration_error": "期望校准误差",
    "class": "类别",
    "classes": "各类别指标",
    "commit": "提交",
    "confusion": "混淆矩阵",
    "curves": "训练曲线",
    "difference": "差值",
    "differences": "差异",
    "differences_note": (
        "验证集 top-1 与第一组之差，单位为百分点。95% 置信区间按 t 分布计算："
        "按两组共有的随机种子配对，没有共有的种子时用 Welch 方法。"
        "各种子另抽验证图像时，训练集互有重叠，区间相应加宽（Nadeau 和 Bengio，2003）。"
        "区间包含 0 时不能下结论。"
    ),
    "epoch": "epoch",
    "epochs": "epoch 数",
    "filters": "第一层卷积核",
    "groups": "分组",
    "groups_note": (
        "只有随机种子不同的训练归为一组。“最佳”是验证集 top-1 最高的 epoch，因为它由验证集选出，"
        "所以偏乐观；“最后”是最后一个 epoch。数值为各随机种子的均值 ± 标准差。"
    ),
    "images": "图像数",
    "interval": "95% 置信区间",
    "last": "最后验证 top-1",
    "loss": "损失（nat）",
    "machine": "机器",
    "mean": "均值",
    "mean_of_classes": "各类平均",
    "mean_score": "平均得分",
    "mistakes": "最严重的错误",
    "neighbors": "验证图像及特征最接近的训练图像（欧氏距离）",
    "no_images": "无法读取这次训练的图像，此处从略",
    "pairs": "对",
    "predicted": "预测类别",
    "right": "正确",
    "run": "训练",
    "runs": "各次训练",
    "score": "预测类别的得分",
    "score_bars": "验证图像及得分最高的类别（红色为真实类别）",
    "seed": "随机种子",
    "settings": "不同的设置",
    "title": "训练报告",
    "top1": "top-1",
    "train": "训练",
    "true": "真实类别",
    "unpaired": "不配对",
    "val": "验证",
    "val_images": "验证图像，使用验证集 top-1 最高的权重",
}
LANGUAGES: Mapping[str, Words] = {"en": ENGLISH, "zh": CHINESE}
